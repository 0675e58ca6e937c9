package stub_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/parity"
)

// reading returns guards that hold but for what the program read.
func reading(facts, reads []guard.Read) *guard.Guards {
	return &guard.Guards{Exe: "/x", Argv0: []string{"x"}, CPU: guard.CPU(),
		UTF8Mode: guard.UTF8Mode(nil), Facts: facts, Reads: reads}
}

// TestReadsFit changes what a program read before its point, of each kind.
func TestReadsFit(t *testing.T) {
	d, dir := parity.Start(t), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string) { t.Helper(); must(os.WriteFile(at(name), []byte(name), 0o644)) }
	past := time.Unix(1e9, 0)
	for _, name := range []string{"d", "pkg", "plain"} {
		must(os.Mkdir(at(name), 0o755))
	}
	write("pkg/__init__.py")
	write("d/m.py")
	must(os.Symlink("d", at("l")))
	must(unix.Mkfifo(at("fifo"), 0o644))
	for _, c := range []struct {
		name   string
		kind   guard.ReadKind
		path   string
		change func()
		fits   bool
	}{
		{"still absent", guard.Absent, "none", func() {}, true},
		{"there now", guard.Absent, "new", func() { write("new") }, false},
		{"a directory", guard.Directory, "d", func() { write("d/x.txt") }, true},
		{"no directory any more", guard.Directory, "plain", func() { must(os.Remove(at("plain"))); write("plain") }, false},
		{"the same names", guard.Names, "d", func() { must(os.Chtimes(at("d"), past, past)) }, true},
		{"another name", guard.Names, "d", func() { write("d/y.txt") }, false},
		{"no name of a module", guard.Import, "d", func() { write("d/z.txt") }, true},
		{"a folder", guard.Import, "d", func() { must(os.Mkdir(at("d/folder"), 0o755)) }, true},
		{"a package", guard.Import, "d", func() { write("d/folder/__init__.py"); must(os.Chtimes(at("d"), past, past)) }, false},
		{"a module", guard.Import, "d", func() { write("d/n.py") }, false},
		{"a module less", guard.Import, "d", func() { must(os.Remove(at("d/n.py"))) }, false},
		{"a link", guard.Link, "l", func() {}, true},
		{"another target", guard.Link, "l", func() { must(os.Remove(at("l"))); must(os.Symlink("pkg", at("l"))) }, false},
		{"a pipe", guard.Other, "fifo", func() {}, true},
		{"no pipe any more", guard.Other, "fifo", func() { must(os.Remove(at("fifo"))); write("fifo") }, false},
		{"the same status", guard.Status, "d", func() {}, true},
		{"another mode", guard.Status, "d", func() { must(os.Chmod(at("d"), 0o700)) }, false},
		{"another time", guard.Status, "d", func() { must(os.Chtimes(at("d"), past, past.Add(1))) }, false},
		{"the same content", guard.Content, "d/m.py", func() { must(os.Chtimes(at("d/m.py"), past, past)) }, true},
		{"other content", guard.Content, "d/m.py", func() { write("d/m.py"); must(os.WriteFile(at("d/m.py"), []byte("d/m.pY"), 0o644)) }, false},
	} {
		read, ok := guard.ReadOf(c.kind, at(c.path))
		if !ok {
			t.Fatalf("%s: it is not of its kind", c.name)
		}
		g := reading(nil, []guard.Read{read})
		if err := g.Check(nil); err != nil {
			t.Errorf("%s: before the change: %v", c.name, err)
		}
		c.change()
		err, v := g.Check(nil), judge(d, g.Encode(), "", nil, nil)
		if (err == nil) != c.fits || (v.State == "fits") != c.fits {
			t.Errorf("%s: Go says %v, C %+v", c.name, err, v)
		}
		if !c.fits && v.State != "stale" {
			t.Errorf("%s: C says %+v", c.name, v)
		}
	}
}

// TestFactsFit asks the kernel for the same in both languages, and for something else.
func TestFactsFit(t *testing.T) {
	d := parity.Start(t)
	for kind := guard.Cwd; kind <= guard.Scheduling; kind++ {
		f := guard.Fact(kind, 0)
		if kind == guard.Terminal || kind == guard.Size || kind == guard.Stream {
			f.A, f.B = 9, map[guard.ReadKind]uint64{guard.Size: ^uint64(0)}[kind] // a closed descriptor
		}
		g := reading([]guard.Read{f}, nil)
		if v := judge(d, g.Encode(), "", nil, nil); v.State != "fits" && kind != guard.Cwd {
			t.Errorf("kind %d: C says %+v of %+v", kind, v, f)
		}
		f.A, f.B, f.C, f.Text = f.A+1, f.B+1, f.C+1, f.Text+"x"
		g = reading([]guard.Read{f}, nil)
		err, v := g.Check(nil), judge(d, g.Encode(), "", nil, nil)
		if err == nil || v.State != "unfit" || !strings.Contains(err.Error(), strings.TrimPrefix(v.Why, "the image does not fit: ")) {
			t.Errorf("kind %d: Go says %v, C %+v", kind, err, v)
		}
	}
	g := reading([]guard.Read{{Kind: 99}}, nil)
	if err, v := g.Check(nil), judge(d, g.Encode(), "", nil, nil); err == nil || v.State != "unfit" {
		t.Errorf("a kind that nobody knows: %v, %+v", err, v)
	}
}
