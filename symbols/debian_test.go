package symbols

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Static functions and data of an LTO build: the compiler renamed them, split
// them in hot and cold parts, and spread their DWARF over several units.
func TestDebianStatics(t *testing.T) {
	if _, err := os.Stat(debianPython); err != nil {
		t.Skip("no " + debianPython)
	}
	l := layoutOf(t, interp{"debian-3.11", debianPython, debianPython})
	if l.Source == debianPython {
		t.Errorf("the stripped file has no DWARF, and yet it came from %s", l.Source)
	}
	for _, name := range []string{"take_gil", "drop_gil"} {
		if s, err := l.Symbol(name); err == nil {
			t.Errorf("Symbol(%s) = %+v, but it is called %s.lto_priv.0", name, s, name)
		}
		found := false
		for _, s := range l.Symbols(name) {
			found = found || s.Name == name+".lto_priv.0" && s.Local && s.Size > 100
		}
		if _, err := l.Symbol(name + ".lto_priv.0"); err != nil || !found {
			t.Errorf("%s: %+v, %v", name, l.Symbols(name), err)
		}
	}
	s, err := l.Symbol("dict_dealloc.lto_priv.0")
	if err != nil {
		t.Fatal(err)
	}
	f, ok := l.FuncAt(s.Addr)
	if !ok || f.Name != "dict_dealloc" || len(f.Params) != 1 || f.Params[0].Type.String() != "PyDictObject *" {
		t.Errorf("dict_dealloc: %+v", f)
	}
	ps, err := l.FuncParamTypes("PyDict_SetItem")
	if err != nil || len(ps) != 3 || ps[2].String() != "PyObject *" {
		t.Errorf("PyDict_SetItem: %v, %v", ps, err)
	}
	if s, err := l.Symbol("_PyErr_CheckSignalsTstate"); err != nil || s.Local {
		t.Errorf("%+v, %v", s, err)
	}
	for name, at := range nm(t, l.Source, "_PyRuntime", "_PyMem_Raw", "Handlers", "wakeup", "stdin") {
		if v, err := l.Var(name); err != nil || uint64(v.Addr) != at {
			t.Errorf("%s: %+v, want %#x, %v", name, v, at, err)
		}
	}
	v, err := l.Var("PyDict_Type")
	if err != nil || v.Type.Name != "PyTypeObject" || v.Type.Tag != "_typeobject" || v.Local {
		t.Errorf("PyDict_Type: %+v, %v", v, err)
	}
	if at, ok := l.VarAt(v.Addr); !ok || at.Name != v.Name || at.Local {
		t.Errorf("VarAt: %+v", at)
	}
	if in, off, ok := l.SymbolAt(v.Addr + 24); !ok || in.Name != "PyDict_Type" || off != 24 {
		t.Errorf("SymbolAt: %+v %d", in, off)
	}
	if n, ok := l.Const("FRAME_OWNED_BY_GENERATOR"); !ok || n != 1 {
		t.Errorf("FRAME_OWNED_BY_GENERATOR = %d, %v", n, ok)
	}
	if l.Has("PyThreadState", "cframe.current_frame") || !l.Has("PyThreadState", "native_thread_id") {
		t.Error("Has: pointers are not followed, members are found")
	}
}

// nm asks binutils where variables are; a suffix that the compiler gave a static one does not count.
func nm(t *testing.T, file string, names ...string) map[string]uint64 {
	t.Helper()
	text, err := exec.Command("nm", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]uint64{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		name, _, _ := strings.Cut(f[2], ".")
		name, _, _ = strings.Cut(name, "@")
		if a, err := strconv.ParseUint(f[0], 16, 64); err == nil && slices.Contains(names, name) && strings.Contains("bBdD", f[1]) {
			found[name] = a
		}
	}
	if len(found) != len(names) {
		t.Fatalf("nm %s: found only %x of %q", file, found, names)
	}
	return found
}

// glibc's layouts come from its own debug package, as a library's do in general.
func TestLibcLayout(t *testing.T) {
	if _, err := os.Stat(libc); err != nil {
		t.Skip("no Debian libc here")
	}
	f := openT(t, libc)
	if _, err := FindDebug(f); err != nil {
		t.Skip(err)
	}
	l := layoutT(t, f)
	arena, err := l.Var("main_arena")
	if err != nil || arena.Type.Tag != "malloc_state" || arena.Size != arena.Type.Size {
		t.Errorf("main_arena: %+v, %v", arena, err)
	}
	if f, err := l.Field("struct malloc_state", "bins[3]"); err != nil || f.Size != 8 || f.Type.Kind != KindPointer {
		t.Errorf("bins: %+v, %v", f, err)
	}
	if s, err := l.Symbol("malloc"); err != nil || s.Local {
		t.Errorf("malloc: %+v, %v", s, err)
	}
}
