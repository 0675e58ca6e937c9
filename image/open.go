package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Image is an open image. Its methods may be used by several goroutines at
// once, Close excepted.
type Image struct {
	path            string
	f               *os.File
	stat            unix.Stat_t
	program, guards []byte
	segs            []SegmentInfo
	sums            []uint32 // of segs
	tables          []tableInfo
	std, stdEnd     uint64 // the standard notes and their padding
	stdSum          uint32
	size            uint64 // what the head says
}

// tableInfo says where an Extra's note lies.
type tableInfo struct {
	typ, sum  uint32
	off, size uint64 // of the note; of its desc
}

// Open reads the head of the image at path: headers, program,
// guards. The segments and tables are not read (see Verify). The caller
// closes the Image.
//
// Errors: *fs.PathError (no such file, no permission), *FormatError (not an
// image, or the head is damaged or cut short), *VersionError. If the head is
// whole but the file's length is not what it says, Open returns BOTH an Image
// and a *TruncatedError: such an image must not be thawed, but its Guards say
// how to run the plain command. The caller closes it, too.
func Open(path string) (*Image, error) {
	fd, err := openRetry(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	m := &Image{path: path}
	if err := m.load(fd); err != nil {
		var short *TruncatedError
		if !errors.As(err, &short) {
			unix.Close(fd)
			return nil, err
		}
		m.f = os.NewFile(uintptr(fd), path)
		return m, err
	}
	m.f = os.NewFile(uintptr(fd), path)
	return m, nil
}

// openRetry opens path. O_NONBLOCK: a FIFO must not make us wait for a writer.
func openRetry(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// load reads and checks the head.
func (m *Image) load(fd int) error {
	if err := unix.Fstat(fd, &m.stat); err != nil {
		return &fs.PathError{Op: "stat", Path: m.path, Err: err}
	}
	if m.stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return m.bad(0, "not a regular file")
	}
	// The descriptor goes to other processes: give it no odd flags.
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, 0); err != nil {
		return &fs.PathError{Op: "fcntl", Path: m.path, Err: err}
	}
	fileSize := uint64(m.stat.Size)
	var first [programOff]byte
	if fileSize < programOff {
		n := fileSize
		if err := m.pread(fd, first[:n], 0); err != nil {
			return err
		}
		if !isELF(first[:n]) {
			return m.bad(0, "not a pyfreeze image (no ELF magic)")
		}
		return m.bad(fileSize, "the file ends in the middle of its header")
	}
	if err := m.pread(fd, first[:], 0); err != nil {
		return err
	}
	h, err := m.parseHeader(first[:])
	if err != nil {
		return err
	}
	if h.head > fileSize {
		return m.bad(fileSize, fmt.Sprintf(
			"the file ends in the middle of its head, which takes 0x%x bytes", h.head))
	}
	head := make([]byte, h.head)
	if err := m.pread(fd, head, 0); err != nil {
		return err
	}
	if got := headSum(head); got != h.sum {
		return m.bad(sumOff, fmt.Sprintf(
			"its head is damaged: checksum %08x, should be %08x", got, h.sum))
	}
	if err := m.parseHead(head, h); err != nil {
		return err
	}
	if h.size != fileSize {
		return &TruncatedError{Path: m.path, Size: fileSize, Want: h.size}
	}
	return nil
}

// pread fills b from the file at off.
func (m *Image) pread(fd int, b []byte, off uint64) error {
	for len(b) > 0 {
		n, err := unix.Pread(fd, b, int64(off))
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return &fs.PathError{Op: "read", Path: m.path, Err: err}
		case n == 0:
			return m.bad(off, "the file ended while it was read")
		default:
			b, off = b[n:], off+uint64(n)
		}
	}
	return nil
}

func (m *Image) bad(off uint64, reason string) error {
	return &FormatError{Path: m.path, Off: off, Reason: reason}
}
