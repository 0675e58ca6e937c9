package pyheap

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// reads are the ways to read a single object, by the type that they are for: "" where any object
// will do.
var reads = map[string]struct {
	typ  string
	read func(h *Heap, a Addr) error
}{
	"Header":     {"", func(h *Heap, a Addr) error { _, err := h.Header(a); return err }},
	"TypeName":   {"", func(h *Heap, a Addr) error { _, err := h.TypeName(a); return err }},
	"TypeOf":     {"", func(h *Heap, a Addr) error { _, err := h.TypeOf(a); return err }},
	"Attr":       {"", func(h *Heap, a Addr) error { _, err := h.Attr(a, "__doc__"); return err }},
	"Attributes": {"", func(h *Heap, a Addr) error { _, err := h.Attributes(a, 5); return err }},
	"Items":      {"", func(h *Heap, a Addr) error { _, _, err := h.Items(a, 5); return err }},
	"Str":        {"str", func(h *Heap, a Addr) error { _, err := h.Str(a); return err }},
	"Bytes":      {"bytes", func(h *Heap, a Addr) error { _, err := h.Bytes(a); return err }},
	"Int": {"int", func(h *Heap, a Addr) error {
		if _, err := h.Int(a); !errors.Is(err, errTooLarge) {
			return err
		}
		return nil // it was read
	}},
	"BigInt":        {"int", func(h *Heap, a Addr) error { _, err := h.BigInt(a); return err }},
	"Float":         {"float", func(h *Heap, a Addr) error { _, err := h.Float(a); return err }},
	"ListItems":     {"list", func(h *Heap, a Addr) error { _, err := h.ListItems(a, -1); return err }},
	"TupleItems":    {"tuple", func(h *Heap, a Addr) error { _, err := h.TupleItems(a, -1); return err }},
	"DictItems":     {"dict", func(h *Heap, a Addr) error { _, err := h.DictItems(a, -1); return err }},
	"SetItems":      {"set", func(h *Heap, a Addr) error { _, err := h.SetItems(a, -1); return err }},
	"ReadException": {"exception", func(h *Heap, a Addr) error { _, err := h.ReadException(a); return err }},
	"Lock":          {"lock", func(h *Heap, a Addr) error { _, err := h.Lock(a); return err }},
	"Descriptor":    {"file", func(h *Heap, a Addr) error { _, err := h.Descriptor(a); return err }},
}

// holesScript has one large object of each type, alone in pages that can be taken away.
const holesScript = `
import threading
n = 5000
kept = {"str": "日" * n, "bytes": bytes(range(250)) * 20, "int": 3 ** n, "list": list(range(n)), "tuple": tuple(range(n)),
    "dict": dict.fromkeys(range(n)), "set": set(range(n)), "float": 1.5, "exception": ValueError(1), "lock": threading.Lock(),
    "file": open(os.devnull, "rb", 0)}
tell(lambda: {k: id(v) for k, v in kept.items()})
`

// without gives a space that lacks the pages from start to end.
func without(t *testing.T, sp *procmem.Space, start, end Addr) *procmem.Space {
	t.Helper()
	var segs []procmem.Segment
	part := func(s *procmem.Segment, from, to Addr) {
		if from < to {
			m := s.Mapping
			m.Start, m.End = from, to
			segs = append(segs, procmem.Segment{Mapping: m, Data: s.Data[from-s.Start : to-s.Start]})
		}
	}
	for i := range sp.Segments() {
		s := &sp.Segments()[i]
		part(s, s.Start, min(s.End, max(start, s.Start)))
		part(s, max(s.Start, min(end, s.End)), s.End)
	}
	out, err := procmem.NewSpace(segs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestReadersRefuse: every reader says with a typed error, which has the address, that an object
// is none or another's.
func TestReadersRefuse(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		at := map[string]Addr{}
		tg := toldBy(t, python, holesScript, &at)
		for name, r := range reads {
			if r.typ != "" && r.read(tg.heap, at[r.typ]) != nil {
				t.Errorf("%s of a %s: %v", name, r.typ, r.read(tg.heap, at[r.typ]))
			}
			for _, a := range []Addr{0, 8, 0x1000, 1 << 47, ^Addr(0), ^Addr(7), at["bytes"] + 64} {
				refuses(t, tg.heap, name, a, r.read)
			}
			for other, a := range at {
				if r.typ != "" && r.typ != other {
					refuses(t, tg.heap, name+" of "+other, a, r.read)
				}
			}
		}
	})
}

func refuses(t *testing.T, h *Heap, name string, a Addr, read func(h *Heap, a Addr) error) {
	t.Helper()
	var oe *ObjectError
	err := read(h, a)
	if !errors.As(err, &oe) || oe.Error() == "" || oe.Want == "" {
		t.Errorf("%s at %v gives %v", name, a, err)
	}
	if h.calls != 0 {
		t.Fatalf("%s leaves %d calls open", name, h.calls)
	}
}

// TestMissingPages takes away, page by page, what large objects lie in: what is left of it is
// read, or an error names what is missing; nothing is made up.
func TestMissingPages(t *testing.T) {
	at := map[string]Addr{}
	tg := toldBy(t, python311, holesScript, &at)
	whole := tg.heap
	for typ, read := range map[string]func(h *Heap) (any, error){
		"str":   func(h *Heap) (any, error) { return h.Str(at["str"]) },
		"bytes": func(h *Heap) (any, error) { return h.Bytes(at["bytes"]) },
		"int":   func(h *Heap) (any, error) { return h.BigInt(at["int"]) },
		"list":  func(h *Heap) (any, error) { return h.ListItems(at["list"], -1) },
		"tuple": func(h *Heap) (any, error) { return h.TupleItems(at["tuple"], -1) },
		"set":   func(h *Heap) (any, error) { return h.SetItems(at["set"], -1) },
		"dict":  func(h *Heap) (any, error) { return h.DictItems(at["dict"], -1) },
	} {
		want, err := read(whole)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(want)
		first := uint64(at[typ])
		pages := []uint64{first &^ 0xfff, (first + 4096) &^ 0xfff}
		if typ == "list" {
			items, _ := whole.view.u64(first + whole.off.seq.listItems)
			pages = []uint64{items &^ 0xfff, (items + 4096*5) &^ 0xfff}
		}
		if typ == "dict" {
			keys, _ := whole.view.u64(first + whole.off.dict.keys)
			pages = []uint64{keys &^ 0xfff, (keys + 4096*10) &^ 0xfff}
		}
		if typ == "set" {
			table, _ := whole.view.u64(first + whole.off.seq.setTable)
			pages = []uint64{table &^ 0xfff, (table + 4096*3) &^ 0xfff}
		}
		for _, page := range pages {
			h, err := Open(without(t, whole.sp, Addr(page), Addr(page+4096)), whole.in, whole.lay)
			if err != nil {
				t.Fatalf("%s: %v", typ, err)
			}
			got, err := read(h)
			now, _ := json.Marshal(got)
			if err == nil && string(now) != string(text) {
				t.Errorf("a %s without the page at %#x of it is read as another", typ, page)
			}
			if len(h.Repr(at[typ], 100)) > 300 {
				t.Errorf("the repr of a %s without its page has %d bytes", typ, len(h.Repr(at[typ], 100)))
			}
			_ = h.Close() // nothing was opened
		}
	}
}

// TestInferredFrames: without the C stacks, the frames are found all the same, and it is said that
// they were.
func TestInferredFrames(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		var names []string
		tg := toldBy(t, python, `
def outer(n): return middle([n])
def middle(x):
    for y in x: return inner(y, *x)
def inner(*args): tell(ask)
def ask():
    names, f = [], sys._getframe(1).f_back
    while f: names.append(f.f_code.co_name); f = f.f_back
    return names
[outer(i) for i in range(1)]
`, &names)
		threads, err := tg.heap.Threads()
		if err != nil || len(threads) != 1 {
			t.Fatal(threads, err)
		}
		check := func(h *Heap, inferred bool) {
			frames, err := h.Frames(threads[0].Addr)
			var got []string
			for _, f := range frames {
				got = append(got, f.Name)
			}
			i := slices.Index(got, "inner")
			if i < 0 || !slices.Equal(got[i:], names) {
				t.Errorf("frames are %q, Python says %q", got, names)
			}
			var ie *InferredError
			if errors.As(err, &ie) != inferred || inferred && (ie.Thread != threads[0].Addr || ie.Error() == "") || !inferred && err != nil {
				t.Errorf("frames of a stack that is there (%t): %v", !inferred, err)
			}
		}
		check(tg.heap, false)
		var sp *procmem.Space
		for _, s := range tg.heap.sp.Segments() {
			if s.Path == "[stack]" {
				sp = without(t, tg.heap.sp, s.Start, s.End)
			}
		}
		h, err := Open(sp, tg.heap.in, tg.heap.lay)
		if err != nil {
			t.Fatal(err)
		}
		check(h, tg.minor() >= 11) // since then links lie in the C stack
	})
}

// TestInterpreters: what the interpreters and threads are is read with subinterpreters, too.
func TestInterpreters(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		tg := start(t, python, "-c", `
import sys
try: import _interpreters as sub
except ImportError: import _xxsubinterpreters as sub
made = [sub.create() for _ in range(2)]
print(len(sub.list_all()))
print("READY", flush=True)
sys.stdin.readline()
`)
		all, err := tg.heap.Interpreters()
		if err != nil || tg.lines[0] != "3" || len(all) != 3 {
			t.Fatalf("interpreters %v (%v), Python says %s", all, err, tg.lines[0])
		}
		if uint64(all[2]) != tg.heap.main {
			t.Errorf("the main interpreter is not the last of %v", all)
		}
		threads, err := tg.heap.Threads()
		mains := 0
		for _, th := range threads {
			if !slices.Contains(all, th.Interp) {
				t.Errorf("the thread at %v is of no interpreter", th.Addr)
			}
			if th.IsMain {
				mains++
			}
		}
		if err != nil || mains != 1 || threads[len(threads)-1].Interp != all[2] {
			t.Errorf("threads %+v, %v", threads, err)
		}
		for _, name := range []string{"sys", "builtins", "__main__"} {
			if _, err := tg.heap.Lookup(name); err != nil {
				t.Error(err)
			}
		}
	})
}

// What a heap was opened with is what it gives, and errors name what they are about.
func TestWhatAHeapIs(t *testing.T) {
	h := start(t, python311, "-S", "-c", "print('READY', flush=True); input()").heap
	if h.Interpreter() != h.in || h.Space() != h.sp || h.LayoutSource() != h.lay.Source || h.LayoutSource() == "" {
		t.Errorf("opened with %v, layouts of %q", h.Interpreter(), h.LayoutSource())
	}
	_, err := h.Lookup("sys.nothing[3]")
	var le *LookupError
	if !errors.As(err, &le) || le.Step != ".nothing" || le.Unwrap() == nil || le.At == 0 {
		t.Errorf("%+v", err)
	}
	_, err = Open(h.sp, h.in, &symbols.Layout{})
	var lay *LayoutError
	if !errors.As(err, &lay) || len(lay.Missing) == 0 {
		t.Errorf("a layout of nothing gives %v", err)
	}
}
