package symbols

import (
	"debug/elf"
	"errors"
	"fmt"
	"testing"
)

// openT opens a file that the test needs.
func openT(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// layoutT builds the layout of a file without the cache.
func layoutT(t testing.TB, f *File) *Layout {
	t.Helper()
	tab, err := buildTable(t.Context(), f, false)
	if err != nil {
		t.Fatal(err)
	}
	return newLayout(f, tab)
}

type wantField struct {
	typ, path      string
	off, size      uint64
	bitOff, bitLen int
	kind           Kind
	c              string // TypeRef.String
}

var tinyFields = []wantField{
	{"struct bits", "a", 0, 4, 0, 2, KindUint, "u32"},
	{"bits", "b", 0, 4, 2, 3, KindUint, "u32"},
	{"bits", "c", 0, 4, 6, 10, KindUint, "u32"},
	{"bits", "d", 2, 1, 0, 4, KindUint, "unsigned char"},
	{"bits", "e", 0, 8, 20, 40, KindInt, "long int"},
	{"packed", "straddle", 0, 4, 8, 12, KindUint, "u32"},
	{"packed", "tail", 2, 3, 4, 20, KindUint, "u32"},
	{"Node", "next", 0, 8, 0, 0, KindPointer, "struct node *"},
	{"node", "prev", 8, 8, 0, 0, KindPointer, "struct node *"},
	{"Node", "l", 16, 8, 0, 0, KindInt, "long int"},
	{"Node", "hi", 20, 4, 0, 0, KindInt, "int"},
	{"Node", "inner", 24, 32, 0, 0, KindArray, "struct[4]"},
	{"Node", "inner[3].s[2]", 54, 2, 0, 0, KindInt, "short int"},
	{"Node", "call", 56, 8, 0, 0, KindPointer, "int () *"},
	{"Node", "colour", 64, 4, 0, 0, KindEnum, "enum colour"},
	{"Node", "later", 72, 8, 0, 0, KindPointer, "struct later *"},
	{"Node", "grid[1][4]", 116, 4, 0, 0, KindInt, "int"},
	{"Node", "grid", 80, 40, 0, 0, KindArray, "int[5][2]"},
	{"Node", "flexible", 120, 0, 0, 0, KindArray, "char[0]"},
	{"later", "n.inner[1].tag", 32, 1, 0, 0, KindInt, "char"},
	{"later", "box.back", 120, 8, 0, 0, KindPointer, "Node *"},
}

// The same source in DWARF 4 and 5, embedded and detached, gives one layout.
func TestTinyLayout(t *testing.T) {
	for _, name := range []string{"tiny4.so", "tiny5.so", "stripped.so"} {
		t.Run(name, func(t *testing.T) {
			l := layoutT(t, openT(t, "testdata/"+name))
			for _, w := range tinyFields {
				f, err := l.Field(w.typ, w.path)
				if err != nil {
					t.Error(err)
					continue
				}
				got := wantField{w.typ, w.path, f.Offset, f.Size, f.BitOffset, f.BitSize, f.Type.Kind, ctype(f.Type)}
				if got != w {
					t.Errorf("got  %+v\nwant %+v", got, w)
				}
			}
			for name, size := range map[string]uint64{"Node": 120, "struct later": 128, "packed": 5, "bits": 8} {
				if s, err := l.Struct(name); err != nil || s.Size != size {
					t.Errorf("Struct(%s) = %+v, %v; want size %d", name, s, err, size)
				}
			}
			for name, want := range map[string]int64{"RED": 1, "BLUE": 7, "DARK": -2} {
				if v, ok := l.Const(name); !ok || v != want {
					t.Errorf("Const(%s) = %d, %v", name, v, ok)
				}
			}
		})
	}
}

func ctype(r TypeRef) string { return r.String() }

func TestTinyErrors(t *testing.T) {
	l := layoutT(t, openT(t, "testdata/tiny5.so"))
	for _, q := range [][2]string{
		{"nothing", "x"}, {"Node", "nothing"}, {"Node", "next.next"}, {"Node", "next[0]"}, {"Node", "inner[x]"},
		{"Node", "inner[0"}, {"Node", "inner[99999999999]"}, {"Node", "l."}, {"Node", "."}, {"Node", "inner."}, {"u32", "x"},
	} {
		if f, err := l.Field(q[0], q[1]); err == nil {
			t.Errorf("Field%q = %+v", q, f)
		} else if _, ok := errors.AsType[*NotFoundError](err); !ok {
			t.Errorf("Field%q: %T", q, err)
		}
	}
}

func TestTinyVarsAndFuncs(t *testing.T) {
	for _, name := range []string{"tiny4.so", "tiny5.so", "stripped.so"} {
		l := layoutT(t, openT(t, "testdata/"+name))
		v, err := l.Var("global_node")
		if err != nil || v.Type.String() != "Node" || v.Size != 120 || v.Local || v.Addr == 0 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		at, ok := l.VarAt(v.Addr)
		if !ok || at.Name != "global_node" {
			t.Errorf("%s: VarAt: %+v", name, at)
		}
		if v, err := l.Var("some_bits"); err != nil || v.Type.String() != "struct bits[3]" || v.Size != 24 || !v.Local {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		ps, err := l.FuncParamTypes("make")
		if err != nil || len(ps) != 2 || ps[0].String() != "Node *" || ps[1].String() != "u32" {
			t.Errorf("%s: make takes %v, %v", name, ps, err)
		}
		s, err := l.Symbol("make")
		if err != nil || s.Type != elf.STT_FUNC {
			t.Fatalf("%s: %+v, %v", name, s, err)
		}
		if in, off, ok := l.SymbolAt(s.Addr + 3); !ok || in.Name != "make" || off != 3 {
			t.Errorf("%s: SymbolAt: %+v+%d", name, in, off)
		}
	}
}

// tiny5.so has its relative relocations packed (RELR), tiny4.so has them plain.
func TestTinyRelocations(t *testing.T) {
	for _, name := range []string{"tiny4.so", "tiny5.so"} {
		f := openT(t, "testdata/"+name)
		if f.Type != elf.ET_DYN || f.HasTLS() || f.Interp != "" || len(f.Needed()) != 0 || len(f.BuildID()) != 40 {
			t.Errorf("%+v, needs %v, build-id %q", f, f.Needed(), f.BuildID())
		}
		l := layoutT(t, f)
		addr := func(v string) uint64 {
			s, err := l.Var(v)
			if err != nil {
				t.Fatal(err)
			}
			return uint64(s.Addr)
		}
		table, bits := addr("table"), addr("some_bits")
		want := map[string]bool{
			fmt.Sprintf("%#x R_X86_64_RELATIVE %#x", table, addr("static_ptr")): true,
			fmt.Sprintf("%#x R_X86_64_RELATIVE %#x", table+8, bits+8):           true,
			fmt.Sprintf("%#x R_X86_64_RELATIVE %#x", table+24, bits+16):         true,
		}
		rel, err := f.Relocations()
		if err != nil {
			t.Fatal(err)
		}
		imported := 0
		for _, r := range rel {
			delete(want, fmt.Sprintf("%v %v %#x", r.Off, r.Type, r.Addend))
			if r.Sym == "imported" && r.Undef && r.Type == elf.R_X86_64_JMP_SLOT {
				imported++
			}
		}
		if len(want) != 0 || imported != 1 {
			t.Errorf("%s: lacks %v, imported %d times, in %+v", name, want, imported, rel)
		}
	}
}
