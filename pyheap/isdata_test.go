package pyheap

import (
	"strings"
	"testing"
)

// edgeCheck fails when a word that the walk follows counts as data.
type edgeCheck struct {
	t     *testing.T
	w     *Walk
	a     uint64
	name  string
	words int
}

func (c *edgeCheck) edge(k edgeKind, to, arg uint64) {
	if k == edgeField || k == edgeWord || k == edgeType {
		c.words++
		if c.w.IsData(Addr(c.a + arg)) {
			c.t.Errorf("%s at %#x: the word at +%#x is followed, but counts as data", c.name, c.a, arg)
		}
	}
}
func (c *edgeCheck) block(blockKind, uint64, uint64) {}
func (c *edgeCheck) wantType(*typeInfo) bool         { return true }

// TestIsDataAndEdges checks on a real heap that nothing is both data and a reference, and that most
// of the characters, bytes and digits count as data.
func TestIsDataAndEdges(t *testing.T) {
	for _, python := range pythons(t) {
		tg := start(t, python, testdata("holders.py"))
		w := tg.walk(t)
		h := tg.heap
		c := edgeCheck{t: t, w: w}
		strs := 0
		w.Each(func(o Object) {
			typ, err := h.typeOf(uint64(o.Addr))
			if err != nil {
				t.Fatal(err)
			}
			c.a, c.name = uint64(o.Addr), o.TypeName
			h.visit(&c, c.a, typ)
			if o.TypeName == "builtins.str" {
				p, ok := h.strParts(c.a)
				if !ok {
					t.Fatalf("str at %s cannot be read", o.Addr)
				}
				for at := (p.data + 7) &^ 7; at+8 <= p.data+p.size; at += 8 {
					strs++
					if !w.IsData(Addr(at)) {
						t.Fatalf("the characters at %#x of the str at %s are no data", at, o.Addr)
					}
				}
			}
		})
		if c.words < 10000 || strs < 10000 {
			t.Errorf("only %d words and %d of str were looked at", c.words, strs)
		}
	}
}

// TestIsData checks single objects word by word.
func TestIsData(t *testing.T) {
	tg := start(t, python311, testdata("values.py"))
	w := tg.walk(t)
	h := tg.heap
	at := func(path string) uint64 { return uint64(mustLookup(t, h, path)) }
	str, list, bytes, integer := at("__main__.text[8]"), at("__main__.floats"), at("__main__.data[3]"), at("__main__.ints[9]")
	items, _ := h.view.u64(list + h.off.seq.listItems)
	class := at("os.PathLike")
	doc, err := h.lay.Field("PyTypeObject", "tp_doc")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := h.view.u64(class + doc.Offset)
	if s, _ := h.view.cstring(text, maxName); !strings.HasPrefix(s, "Abstract base class") {
		t.Fatalf("tp_doc of os.PathLike is %q", s)
	}
	array, _ := h.view.u64(at("__main__.many") + h.off.obType)
	for _, c := range []struct {
		what string
		a    uint64
		want bool
	}{
		{"type of a str", str + 8, false},
		{"hash of a str", str + h.off.str.hash, true},
		{"utf8 pointer of a str", str + h.off.str.utf8, false},
		{"characters of a str", str + h.off.str.compactSize, true},
		{"refcount", list, true},
		{"items pointer of a list", list + h.off.seq.listItems, false},
		{"items of a list", items, false},
		{"contents of bytes", bytes + h.off.seq.bytesData, true},
		{"digits of an int", integer + h.off.seq.intDigits, true},
		{"GC head", list - 16, false},
		{"a field of a type", array + h.off.typ.mro, false},
		{"tp_doc of a class", class + doc.Offset, false},
		{"the characters of tp_doc", text, true},
		{"what follows them in their block", text + 72, true},
		{"nothing", 8, false},
		{"the end of memory", ^uint64(0), false},
	} {
		if got := w.IsData(Addr(c.a)); got != c.want {
			t.Errorf("%s at %#x: IsData is %v", c.what, c.a, got)
		}
	}
	if o, ok := w.Containing(Addr(items)); !ok || o.Addr != Addr(list) {
		t.Errorf("the items at %#x belong to %+v (%v), want the list at %#x", items, o, ok, list)
	}
	if o, ok := w.Containing(Addr(list - 16)); !ok || o.Addr != Addr(list) {
		t.Errorf("the GC head at %#x belongs to %+v (%v), want the list at %#x", list-16, o, ok, list)
	}
}
