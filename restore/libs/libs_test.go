package libs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/restore/internal/target"
	"pyfreeze/symbols"
)

// loaded gives the libraries of a running interpreter, and its memory.
func loaded(t *testing.T, exe string) ([]*Library, *procmem.Live, []procmem.Mapping) {
	t.Helper()
	pid := target.Start(t, exe, "import math, time\nprint('ready')\ntime.sleep(3600)")
	mem, err := procmem.OpenLive(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mem.Close() })
	maps, err := procmem.ReadMaps(pid)
	if err != nil {
		t.Fatal(err)
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		t.Fatal(err)
	}
	list, err := Load(maps, mem, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(list) })
	return list, mem, maps
}

// TestLoad compares with the maps of the kernel: all code of files is some library's, and each is
// told for what it is.
func TestLoad(t *testing.T) {
	for _, exe := range target.Interpreters(t) {
		list, _, maps := loaded(t, exe)
		for _, m := range maps {
			if l := At(list, m.Start); m.Exec && m.Inode != 0 && (l == nil || l.Path != m.Path) {
				t.Errorf("%s: %v of %s is that of %+v", exe, m.Range, m.Path, l)
			}
			if l := At(list, m.Start); m.Path == "[stack]" && l != nil {
				t.Errorf("%s: the stack belongs to %s", exe, l.Path)
			}
		}
		main, loader, err := Interpreter(list)
		real, rerr := filepath.EvalSymlinks(exe)
		if err != nil || rerr != nil || main.Path != real || loader.Soname != "ld-linux-x86-64.so.2" {
			t.Errorf("%s: the executable is %+v, its loader %+v (%v, %v)", exe, main, loader, err, rerr)
		}
		for _, l := range list {
			system := slices.Contains([]string{"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2",
				"libdl.so.2",
				"libpthread.so.0", "libutil.so.1", "librt.so.1"}, l.Soname)
			if l.System() != system || l.Main != (l == main) || l.Loader != (l == loader) {
				t.Errorf("%s: %s is of the system: %t, the executable: %t, the loader: %t", exe, l.Soname,
					l.System(), l.Main, l.Loader)
			}
			if At(list, l.Range.End) == l || At(list, l.Range.Start-1) == l {
				t.Errorf("%s: %s has memory beyond its end", exe, l.Path)
			}
		}
		Close(list)
		if _, err := main.File.SectionData(main.File.Section(".text")); err == nil {
			t.Errorf("%s: the files stay open", exe)
		}
	}
}

// TestEnviron reads the environment of a process from where its C library has it.
func TestEnviron(t *testing.T) {
	for _, exe := range target.Interpreters(t) {
		list, mem, _ := loaded(t, exe)
		at, err := Environ(list)
		if err != nil {
			t.Fatal(err)
		}
		// A pointer to pointers to strings.
		read := func(a procmem.Addr, n int) []byte {
			b := make([]byte, n)
			if _, err := mem.ReadAt(b, a); err != nil {
				t.Fatalf("%s: %v", exe, err)
			}
			return b
		}
		pointer := func(a procmem.Addr) procmem.Addr {
			var v procmem.Addr
			for i, b := range read(a, 8) {
				v |= procmem.Addr(b) << (8 * i)
			}
			return v
		}
		if s := read(pointer(pointer(at)), 5); string(s) != "PATH=" {
			t.Errorf("%s: the environment begins with %q", exe, s)
		}
	}
}

// TestGate reads the instruction that a thaw makes its first system call with, from a process.
func TestGate(t *testing.T) {
	list, mem, _ := loaded(t, "/usr/bin/python3.11")
	_, loader, err := Interpreter(list)
	if err != nil {
		t.Fatal(err)
	}
	off, err := Gate(loader.File)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 7)
	at := loader.Bias + procmem.Addr(loader.File.Entry) + procmem.Addr(off)
	if _, err := mem.ReadAt(b, at-5); err != nil ||
		!bytes.Equal(b, []byte{0xb8, 9, 0, 0, 0, 0x0f, 0x05}) {
		t.Errorf("at the gate there is % x (%v)", b, err)
	}
	// A library of functions has no system call of its own.
	f, err := symbols.Open(filepath.Join(filepath.Dir(loader.Path), "libm.so.6"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if off, err := Gate(f); err == nil {
		t.Errorf("the mathematics library maps memory, at %d", off)
	}
}

// TestNothingLoaded asks for what is not there.
func TestNothingLoaded(t *testing.T) {
	list, _, _ := loaded(t, "/usr/bin/python3.11")
	without := func(drop func(*Library) bool) []*Library {
		return slices.DeleteFunc(slices.Clone(list), drop)
	}
	if _, _, err := Interpreter(without(func(l *Library) bool { return l.Loader })); err == nil {
		t.Error("there is an interpreter without its loader")
	}
	if _, _, err := Interpreter(without(func(l *Library) bool { return l.Main })); err == nil {
		t.Error("there is an interpreter without its executable")
	}
	none := without(func(l *Library) bool { return l.Main || l.Soname == "libc.so.6" })
	if at, err := Environ(none); err == nil {
		t.Errorf("without the C library environ is at %v", at)
	}
	if l := At(nil, 0); l != nil {
		t.Errorf("among none there is %+v", l)
	}
}
