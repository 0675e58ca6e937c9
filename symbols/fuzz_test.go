package symbols

import (
	"os"
	"path/filepath"
	"testing"
)

// query asks a layout everything; nothing may panic or loop.
func query(l *Layout) {
	for i := range l.refs {
		r := l.refs[i]
		_ = r.String()
		s, err := l.StructOf(r)
		if err != nil {
			continue
		}
		for j, f := range s.Fields {
			if j > 50 {
				break
			}
			_, _ = l.Field(s.Name, f.Name)
			_, _ = l.Field(s.Name, f.Name+"[1]."+f.Name)
			_, _ = l.FieldOf(r, "no such field")
		}
		_ = l.StructsNamed(s.Name)
		if i > 200 {
			break
		}
	}
	for i := range min(len(l.t.syms), 100) {
		s, err := l.Symbol(l.t.syms[i].name)
		if err == nil {
			_, _, _ = l.SymbolAt(s.Addr)
			_, _ = l.FuncAt(s.Addr)
			_, _ = l.FuncParamTypes(s.Name)
		}
	}
	l.Vars(func(v Var) { _, _ = l.Var(v.Name) })
}

// FuzzDecode reads cache payloads past the checksum, which a fuzzer never gets right.
func FuzzDecode(f *testing.F) {
	const head = len(cacheMagic) + 8
	for _, name := range []string{"tiny4.so", "tiny5.so"} {
		file, err := Open("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		tab, err := buildTable(f.Context(), file, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encodeTable(tab, "key")[head:])
	}
	file := openT(f, "testdata/tiny5.so")
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		if tab, err := decodePayload(b, "key"); err == nil {
			query(newLayout(file, tab))
		}
	})
}

func FuzzOpen(f *testing.F) {
	for _, name := range []string{"tiny4.so", "tiny5.so", "tiny5.debug", "stripped.so"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	dir := f.TempDir()
	f.Setenv(DebugDirEnv, "/nonexistent")
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		path := filepath.Join(dir, filepath.Base(t.Name()))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path)
		if err != nil {
			return
		}
		defer func() { _ = file.Close() }()
		_, _ = file.Dynsym("make")
		_, _ = file.Relocations()
		_, _ = file.Needed(), file.Soname()
		_, _, _ = file.debugLink()
		_, _, _ = pythonVersion(file)
		if !hasDWARF(file) {
			return
		}
		if tab, err := buildTable(t.Context(), file, false); err == nil {
			query(newLayout(file, tab))
		}
	})
}
