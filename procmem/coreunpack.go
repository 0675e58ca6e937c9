package procmem

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"
)

const (
	maxUnpacked = 1 << 42 // bytes of a core; more than any machine's memory
	keepFree    = 64 << 20
	unpackBlock = 1 << 20
	zstdWindow  = 1 << 27 // what the zstd command accepts without --long
)

// packing is a way to compress a file that is told by how the file begins.
type packing struct {
	name  string
	magic string
	open  func(io.Reader) (io.Reader, error)
}

// packings are those that systemd-coredump and log rotation use for cores.
var packings = []packing{
	{"zstd", "\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderConcurrency(min(4, runtime.GOMAXPROCS(0))))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}},
	{"lz4", "\x04\x22\x4d\x18", func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
	{"xz", "\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
	{"gzip", "\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"bzip2", "BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
}

// packingOf tells how a file is compressed; nil when it is not.
func packingOf(head []byte) *packing {
	for i := range packings {
		if bytes.HasPrefix(head, []byte(packings[i].magic)) {
			return &packings[i]
		}
	}
	return nil
}

// PackedError says that a compressed core could not be unpacked.
type PackedError struct {
	Path    string
	Packing string // zstd, lz4, xz, gzip or bzip2
	Err     error
}

func (e *PackedError) Error() string {
	return fmt.Sprintf("%s is compressed by %s and cannot be unpacked: %v", e.Path, e.Packing, e.Err)
}

// Unwrap gives the cause.
func (e *PackedError) Unwrap() error { return e.Err }

// unpack writes what a compressed file holds to a temporary file that has no name any more. cut
// says that the compressed file ends too early. A core is mapped, not read, and its end is at its
// beginning's mercy: so it needs to be a file.
func unpack(path string, f *os.File, p *packing) (out *os.File, cut bool, err error) {
	fail := func(err error) (*os.File, bool, error) {
		if out != nil {
			_ = out.Close() // it is thrown away
		}
		return nil, false, &PackedError{path, p.name, err}
	}
	dir := tempDir()
	if out, err = os.CreateTemp(dir, "pyfreeze-core-"); err != nil {
		return fail(err)
	}
	if err := os.Remove(out.Name()); err != nil {
		return fail(err)
	}
	in, err := p.open(bufio.NewReaderSize(f, unpackBlock))
	if err != nil {
		return fail(err)
	}
	if c, ok := in.(io.Closer); ok {
		defer c.Close()
	}
	room := roomIn(out)
	size, err := copySparse(out, in, room)
	switch {
	case errors.Is(err, errTooMuch):
		return fail(fmt.Errorf("%s has no room for it: set TMPDIR to a directory that has", dir))
	case err != nil && size < ehdrSize:
		return fail(err)
	case err != nil && writeFailed(err):
		return fail(err)
	}
	if terr := out.Truncate(size); terr != nil {
		return fail(terr)
	}
	return out, err != nil, nil
}

// tempDir is where big temporary files go (file-hierarchy(7)); /tmp may be in memory.
func tempDir() string {
	if d := os.Getenv("TMPDIR"); d != "" {
		return d
	}
	if unix.Access("/var/tmp", unix.W_OK) == nil {
		return "/var/tmp"
	}
	return os.TempDir()
}

// roomIn gives how many bytes may be written to f.
func roomIn(f *os.File) int64 {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil || st.Bsize <= 0 {
		return maxUnpacked
	}
	free := st.Bavail * uint64(st.Bsize)
	return int64(min(free-min(free, keepFree), maxUnpacked))
}

var errTooMuch = errors.New("it is too large")

// writeError tells an error of the output from one of the input.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

func writeFailed(err error) bool {
	var w *writeError
	return errors.As(err, &w)
}

// copySparse copies in to out and leaves out blocks of zeros, of which cores are full. room bounds
// what is written, maxUnpacked what is read. size is how far out goes.
func copySparse(out *os.File, in io.Reader, room int64) (size int64, err error) {
	const block = 64 << 10
	buf, zero := make([]byte, block), make([]byte, block)
	for size < maxUnpacked {
		n, err := readFull(in, buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if room -= int64(n); room < 0 {
				return size, errTooMuch
			}
			if _, err := out.WriteAt(buf[:n], size); err != nil {
				return size, &writeError{err}
			}
		}
		size += int64(n)
		switch {
		case err == io.EOF:
			return size, nil
		case err != nil:
			return size, err
		}
	}
	return size, errTooMuch
}

// readFull reads until p is full. Unlike io.ReadFull, it leaves the reader's own error as it is:
// the end of a compressed file must be told from one that came too early.
func readFull(in io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = in.Read(p[n:])
		n += m
	}
	if n == len(p) {
		err = nil
	}
	return n, err
}
