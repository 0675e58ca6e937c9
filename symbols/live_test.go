package symbols

import (
	"fmt"
	"strings"
	"testing"
)

// The interpreter itself says how large its objects are.
func TestBasicSize(t *testing.T) {
	types := []struct{ py, c string }{
		{"dict", "PyDictObject"}, {"list", "PyListObject"}, {"type", "PyHeapTypeObject"}, {"set", "PySetObject"},
		{"type(lambda: 0)", "PyFunctionObject"}, {"type(len)", "PyCFunctionObject"}, {"float", "PyFloatObject"},
		{"type(__import__('sys'))", "PyModuleObject"}, {"property", "propertyobject"}, {"slice", "PySliceObject"},
		{"__import__('_io').BufferedReader", "buffered"}, {"__import__('_io').TextIOWrapper", "textio"},
		{"__import__('_io').FileIO", "fileio"}, {"__import__('_io').BytesIO", "bytesio"},
		{"__import__('_collections').deque", "dequeobject"}, {"__import__('_collections').defaultdict", "defdictobject"},
		{"type(__import__('_thread').allocate_lock())", "lockobject"},
	}
	var code strings.Builder
	for _, ty := range types {
		fmt.Fprintf(&code, "print((%s).__basicsize__)\n", ty.py)
	}
	for _, in := range interps(t) {
		t.Run(in.name, func(t *testing.T) {
			l := layoutOf(t, in)
			out := strings.Fields(python(t, in.exe, code.String()))
			for i, ty := range types {
				s, err := l.Struct(ty.c)
				if err != nil {
					if len(l.StructsNamed(ty.c)) == 0 && ty.c != "lockobject" {
						t.Errorf("%s: %v", ty.py, err)
					}
					continue
				}
				if got := fmt.Sprint(s.Size); got != out[i] {
					t.Errorf("sizeof(%s) = %s, %s.__basicsize__ = %s", ty.c, got, ty.py, out[i])
				}
			}
		})
	}
}

// Whatever a struct is, its members lie inside it, and bits belong to one field only.
func TestFieldsFit(t *testing.T) {
	for _, in := range interps(t) {
		t.Run(in.name, func(t *testing.T) {
			l := layoutOf(t, in)
			structs, unknown := 0, 0
			for i := range l.refs {
				s, err := l.StructOf(l.refs[i])
				if err != nil || l.t.types[i].kind == kindTypedef {
					continue
				}
				structs++
				var end uint64 // in bits
				for _, f := range s.Fields {
					if f.Type.Kind == KindUnknown {
						unknown++
					}
					first := f.Offset*8 + uint64(f.BitOffset)
					last := first + f.Size*8
					if f.BitSize > 0 {
						last = first + uint64(f.BitSize)
					}
					if last > s.Size*8 {
						t.Errorf("%s.%s (%s) ends at bit %d of %d", s.Name, f.Name, s.Where, last, s.Size*8)
					}
					if !s.Union && first < end {
						t.Errorf("%s.%s (%s) overlaps the field before it", s.Name, f.Name, s.Where)
					}
					end = last
				}
			}
			if structs < 400 || unknown > 0 {
				t.Errorf("%d structs, %d fields of unknown type", structs, unknown)
			}
		})
	}
}

// The state bits of a str are what ctypes reads at the offset that DWARF gives.
func TestStringStateBits(t *testing.T) {
	for _, in := range interps(t) {
		t.Run(in.name, func(t *testing.T) {
			l := layoutOf(t, in)
			kind, err := l.Field("PyASCIIObject", "state.kind")
			if err != nil {
				t.Fatal(err)
			}
			ascii, err := l.Field("PyASCIIObject", "state.ascii")
			if err != nil {
				t.Fatal(err)
			}
			bits := func(f Field) string {
				return fmt.Sprintf("(int.from_bytes(ctypes.string_at(id(s)+%d,%d),'little')>>%d)&%d",
					f.Offset, f.Size, f.BitOffset, 1<<f.BitSize-1)
			}
			out := python(t, in.exe, "import ctypes\nfor s in ('abc', '\\xe9t\\xe9', '\\u20ac'*5, '\\U0001f600'):\n print("+
				bits(kind)+","+bits(ascii)+")")
			if want := "1 1\n1 0\n2 0\n4 0\n"; out != want {
				t.Errorf("kind, ascii:\n%swant\n%s", out, want)
			}
		})
	}
}
