package procmem

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// packed compresses data by every packing that has a writer here.
func packed(t testing.TB, data []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for name, open := range map[string]func(io.Writer) (io.WriteCloser, error){
		"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		"lz4": func(w io.Writer) (io.WriteCloser, error) {
			l := lz4.NewWriter(w)
			return l, l.Apply(lz4.BlockSizeOption(lz4.Block64Kb)) // of a block that is cut nothing can be read
		},
		"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	} {
		var b bytes.Buffer
		w, err := open(&b)
		if err == nil {
			_, err = w.Write(data)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(name, err)
		}
		out[name] = b.Bytes()
	}
	if bz, err := exec.LookPath("bzip2"); err == nil {
		c := exec.Command(bz)
		c.Stdin = bytes.NewReader(data)
		b, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		out["bzip2"] = b
	}
	return out
}

// A compressed core shows what the core shows, and one whose compressed file ends early as much as
// is there.
func TestPackedCore(t *testing.T) {
	data := tinyCore()
	noise := make([]byte, 1<<20) // so that a cut is in the middle of the memory
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	zeros := make([]byte, 1<<20)
	long := makeCore(note("CORE", ntPrpsinfo, make([]byte, prpsinfoSize)),
		load{0x400000, uint64(len(noise)), 6, noise}, load{0x800000, 1 << 20, 6, zeros})
	for name, p := range packed(t, data) {
		core, err := loadBytes(t, p)
		if err != nil {
			t.Fatal(name, err)
		}
		if b, err := core.Space.Bytes(0x500000, 6); err != nil || string(b) != "data!!" || core.Pid != 77 || core.Lacks.Cut {
			t.Errorf("%s: %q, %v, %+v", name, b, err, core)
		}
	}
	for name, p := range packed(t, long) {
		core, err := loadBytes(t, p)
		if err != nil {
			t.Fatal(name, err)
		}
		if b, err := core.Space.Bytes(0x400000, uint64(len(noise))); err != nil || !bytes.Equal(b, noise) || core.Lacks.Cut {
			t.Errorf("%s: the memory is not the same: %v", name, err)
		}
		if b, err := core.Space.Bytes(0x800000, 1<<20); err != nil || !bytes.Equal(b, zeros) {
			t.Errorf("%s: the zeros are not: %v", name, err)
		}
		core, err = loadBytes(t, p[:len(p)*2/3])
		if name == "bzip2" {
			continue // its blocks are as large as this
		}
		if err != nil {
			t.Errorf("%s, cut: %v", name, err)
			continue
		}
		if !core.Lacks.Cut {
			t.Errorf("%s, cut: nobody says so", name)
		}
		if b, err := core.Space.Bytes(0x400000, 1000); err != nil || !bytes.Equal(b, noise[:1000]) {
			t.Errorf("%s, cut: what is there is not shown: %v", name, err)
		}
	}
}

// What is no core is named also when it is compressed, and no file is left behind.
func TestPackedHostile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for name, p := range packed(t, []byte("hello")) {
		var core *CoreError
		if _, err := loadBytes(t, p); !errors.As(err, &core) {
			t.Errorf("%s of no core: %v", name, err)
		}
		var e *PackedError
		if _, err := loadBytes(t, append(bytes.Clone(p[:8]), "garbage"...)); !errors.As(err, &e) && !errors.As(err, &core) {
			t.Errorf("%s of garbage: %v", name, err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), "pyfreeze") {
			t.Errorf("left behind: %s", f.Name())
		}
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "nothing"))
	var e *PackedError
	if _, err = loadBytes(t, packed(t, tinyCore())["zstd"]); !errors.As(err, &e) {
		t.Errorf("no directory for temporary files: %v", err)
	}
}

// endless gives bytes for ever.
type endless struct{ b byte }

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.b
	}
	return len(p), nil
}

// A file that unpacks to more than there is room for is given up.
func TestCopySparseBounds(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if n, err := copySparse(out, endless{1}, 1<<20); !errors.Is(err, errTooMuch) || n > 1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, p := range packed(f, tinyCore()) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := packingOf(data)
		if p == nil {
			return
		}
		in, err := p.open(bytes.NewReader(data))
		if err != nil {
			return
		}
		b, _ := io.ReadAll(io.LimitReader(in, 1<<22)) // any error will do
		if core, err := parseCore("core", b, -1); err == nil {
			core.Close()
		}
	})
}
