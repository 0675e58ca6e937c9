package pyheap

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// cValuesScript tells what ctypes sees of objects: their bytes, as numbers of 8 bytes.
const cValuesScript = `
import ctypes, collections, datetime, array
class Plain: pass
kept = {"float": 1.5, "complex": 2 - 3j, "list": [1, 2, 3], "tuple": (1, 2), "int": -(5 << 70), "str": "latin é", "bytes": b"b'y\0tes",
    "deque": collections.deque(range(100), 200), "date": datetime.date(2024, 2, 29), "array": array.array("h", [1, 2, 3]),
    "function": tell, "type": Plain, "instance": Plain(), "range": range(3, 99, 7), "slice": slice(1, 2), "method": Plain.__init__,
    "builtin": len, "module": sys, "set": {1, 2}, "dict": {"a": 1}, "code": tell.__code__, "cell": types.CellType(3), "exc": ValueError("x")}
def ask():
    out = {}
    for name, o in kept.items():
        size = max(16, type(o).__basicsize__)
        words = (ctypes.c_uint64 * (size // 8)).from_address(id(o))
        out[name] = [id(o), type(o).__basicsize__, id(type(o)), list(words)]
    return out
tell(ask)
`

// TestCValues compares the C structs of objects, word by word, with what ctypes sees.
func TestCValues(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		var want map[string][4]any
		tg := toldBy(t, python, cValuesScript, &want)
		h := tg.heap
		pointers := 0
		for name, w := range want {
			a, typ := Addr(w[0].(float64)), Addr(w[2].(float64))
			at, err := h.LocateC("", "", "__main__.kept['"+name+"']")
			if err != nil || at.Addr != a || at.Layout == nil {
				t.Errorf("%s: %+v, %v", name, at, err)
				continue
			}
			v, err := h.ReadC(at.Layout, at.Type, a, CLimits{Depth: 5, Elements: 8})
			if err != nil || v.Addr != a || v.Offset != 0 || len(v.Parts) == 0 {
				t.Errorf("%s: %+v, %v", name, v, err)
				continue
			}
			words := w[3].([]any)
			eachC(&v, "", func(path string, c *CValue) {
				if c.Offset != uint64(c.Addr-a) {
					t.Errorf("%s.%s lies at %v, %d bytes from %v", name, path, c.Addr, c.Offset, a)
				}
				// A number of 64 bits has lost some of them on its way as a float64.
				i := c.Offset / 8
				if !strings.HasSuffix(c.Type, "*") || c.Offset%8 != 0 || i < 1 || i >= uint64(len(words)) {
					return
				}
				if pointers++; float64(c.Target) != words[i] || (c.Target == 0) != (c.Text == "NULL") {
					t.Errorf("%s.%s is %v %s, ctypes sees %v", name, path, c.Target, c.Text, words[i])
				}
				if strings.HasSuffix(path, "ob_type") && c.Target != typ {
					t.Errorf("%s.%s is %v, Python says %v", name, path, c.Target, typ)
				}
				if strings.Contains(path, "[") || strings.Contains(path, "..") {
					return
				}
				got, err := h.CField(a, path)
				where, size, err2 := h.CFieldAddr(a, path)
				if err != nil || err2 != nil || Addr(got) != c.Target || where != c.Addr || size != 8 {
					t.Errorf("%s.%s is %#x at %v, %d bytes (%v, %v), not %v at %v", name, path, got, where, size, err, err2, c.Target, c.Addr)
				}
			})
		}
		if pointers < 30 {
			t.Errorf("only %d pointers were compared", pointers)
		}
	})
}

// eachC calls fn with a C value and all of its parts, with their paths.
func eachC(v *CValue, path string, fn func(path string, c *CValue)) {
	fn(path, v)
	for i := range v.Parts {
		p := v.Parts[i].Name
		if path != "" {
			p = path + "." + p
		}
		eachC(&v.Parts[i], p, fn)
	}
}

// findC gives the text of a part by its path.
func findC(v *CValue, path ...string) string {
	for _, name := range path {
		ok := false
		for i := range v.Parts {
			if v.Parts[i].Name == name {
				v, ok = &v.Parts[i], true
				break
			}
		}
		if !ok {
			return "no " + name
		}
	}
	return v.Text
}

// TestCTexts checks how values are written, steps to fields, limits, and what is refused.
func TestCTexts(t *testing.T) {
	var want map[string][4]any
	tg := toldBy(t, python311, cValuesScript, &want)
	h := tg.heap
	for _, c := range []struct {
		typ, expr string
		path      []string
		want      string
	}{
		{"", "__main__.kept['float'].ob_fval", nil, "1.5"},
		{"", "__main__.kept['complex'].cval.imag", nil, "-3"},
		{"", "__main__.kept['complex']", []string{"cval", "real"}, "2"},
		{"", "__main__.kept['list'].ob_base.ob_size", nil, "3"},
		{"", "__main__.kept['int'].ob_base.ob_size", nil, "-3"},
		{"", "__main__.kept['exc'].suppress_context", nil, "0"},
		{"", "__main__.kept['type'].ht_type.ob_base.ob_size", nil, "0"},
		{"PyFloatObject", fmt.Sprintf("%#x.ob_fval", uint64(want["float"][0].(float64))), nil, "1.5"},
		{"PyLongObject", "__main__.kept['list'][2].ob_digit[0]", nil, "3"},
	} {
		at, err := h.LocateC("", c.typ, c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		v, err := h.ReadC(at.Layout, at.Type, at.Addr, CLimits{Depth: 4, Elements: 4})
		if got := findC(&v, c.path...); err != nil || got != c.want {
			t.Errorf("%s %v is %q (%v), want %q", c.expr, c.path, got, err, c.want)
		}
	}
	at, err := h.LocateC("", "", "_PyRuntime")
	if err != nil {
		t.Fatal(err)
	}
	for depth := range 3 {
		v, err := h.ReadC(at.Layout, at.Type, at.Addr, CLimits{Depth: depth, Elements: 2})
		deepest, omitted := 0, uint64(0)
		var down func(v *CValue, n int)
		down = func(v *CValue, n int) {
			deepest, omitted = max(deepest, n), omitted+v.Omitted
			if strings.HasSuffix(v.Type, "]") && len(v.Parts) > 2 {
				t.Errorf("%s has %d elements, 2 are allowed", v.Name, len(v.Parts))
			}
			for i := range v.Parts {
				down(&v.Parts[i], n+1)
			}
		}
		down(&v, 0)
		if err != nil || deepest != depth || omitted == 0 {
			t.Errorf("depth %d: %d deep, %d left out, %v", depth, deepest, omitted, err)
		}
	}
	for _, c := range [][3]string{{"", "", "nowhere.x"}, {"", "", "0xzz"}, {"", "", "0x10"}, {"", "PyNoObject", "sys"}, {"nolib", "", "sys"},
		{"", "", "__main__.kept['float'].nothing"}, {"", "", "__main__.kept['float'].ob_fval->x"}, {"", "", "_PyRuntime->x"},
		{"nolib:x", "nolib:x", "sys"}, {"", "", ""}, {"", "", "__main__.kept['type'].tp_iternext->x"}} {
		if at, err := h.LocateC(c[0], c[1], c[2]); err == nil || err.Error() == "" {
			t.Errorf("%q: %+v, %v", c, at, err)
		}
	}
	var oe *ObjectError
	if _, err := h.ReadC(at.Layout, at.Type, 0x10, CLimits{}); !errors.As(err, &oe) || oe.Addr != 0x10 {
		t.Errorf("a struct where nothing is: %v", err)
	}
}
