package pyheap

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// retainedFacts is what testdata/retained.py says of itself.
type retainedFacts struct {
	Retained    map[string][]string // objects that are gone with each
	Address     map[string]string
	Right, More map[string]uint64 // sys.getsizeof
	Sparse      string
}

func (f *retainedFacts) at(t *testing.T, name string) Addr {
	t.Helper()
	a, err := strconv.ParseUint(f.Address[name], 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return Addr(a)
}

// TestRetained compares sizes, and what objects keep alive, with what the program finds out itself.
func TestRetained(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg := start(t, python, testdata("retained.py"))
			var f retainedFacts
			if err := json.Unmarshal([]byte(tg.lines[0]), &f); err != nil {
				t.Fatal(err)
			}
			w := tg.walk(t)
			s := w.Sizes()
			d, err := w.Dominators(s)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range f.Right {
				if got := s.Of(f.at(t, name)); got != want {
					t.Errorf("%s takes %d bytes, sys.getsizeof says %d", name, got, want)
				}
			}
			if got, least := s.Of(f.at(t, "mmap")), uint64(1<<20); got < least || got > least+1024 {
				t.Errorf("an mmap of 1 MiB takes %d bytes", got)
			}
			if got, least := s.Of(f.at(t, "instance")), f.More["instance"]; got < least ||
				tg.heap.atLeast(11) && got < least+8 {
				t.Errorf("an instance takes %d bytes, sys.getsizeof says %d without its values",
					got, least)
			}
			for name, want := range f.Retained {
				var got []string
				d.preorder(d.f.number[mustNode(t, w, f.at(t, name))+1], func(v uint32) {
					if n, ok := d.object(v); ok {
						got = append(got, Addr(n.addr).String())
					}
				}, func(uint32) {})
				for _, a := range want {
					if !slices.Contains(got, a) && s.Of(mustAddr(t, a)) > 0 {
						t.Errorf("%s keeps %d objects, but not %s, %s", name, len(got), a,
							w.Path(mustAddr(t, a)))
					}
				}
				for _, a := range got {
					if o, ok := w.Find(mustAddr(t, a)); !slices.Contains(want, a) && (!ok ||
						o.TypeName != "builtins.int") {
						t.Errorf("%s keeps %s, %s %s, which it does not alone", name, a, o.TypeName,
							w.Path(mustAddr(t, a)))
					}
				}
			}
			s.addUp(t, d)
		})
	}
}

func mustAddr(t *testing.T, s string) Addr {
	t.Helper()
	a, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return Addr(a)
}

func mustNode(t *testing.T, w *Walk, a Addr) int {
	t.Helper()
	i, ok := w.exactly(uint64(a))
	if !ok {
		t.Fatalf("no object at %v", a)
	}
	return i
}

// addUp: every sum of sizes is the same, and nothing keeps more alive than there is.
func (s *Sizes) addUp(t *testing.T, d *Dominators) {
	t.Helper()
	total := uint64(0)
	for i := range s.self {
		total += s.self[i]
	}
	if d.Total() != total {
		t.Errorf("the roots keep %d bytes, there are %d", d.Total(), total)
	}
	for _, key := range HeapKeys {
		sum, objects := uint64(0), 0
		for _, r := range s.By(key, d) {
			sum += r.Bytes
			objects += r.Objects
			if r.Retained > total || r.Objects > 0 && r.Retained == 0 && key == "root" {
				t.Errorf("%s %+v of %d bytes in all", key, r, total)
			}
		}
		if sum != total || objects != s.w.objects {
			t.Errorf("by %s, %d objects of %d bytes; there are %d of %d", key, objects, sum,
				s.w.objects, total)
		}
	}
	if l := d.Largest(5); len(l) != 5 || d.Retained(l[0]) < d.Retained(l[4]) {
		t.Errorf("the largest are %v", l)
	}
	dups, groups, wasted := s.Duplicates(1 << 20)
	var tens []Duplicates
	for _, g := range dups {
		if g.TypeName == "builtins.bytes" && g.Wasted == 9*(1001+33) {
			tens = append(tens, g)
		}
	}
	if len(tens) != 3 || tens[0].Count != 10 || groups != len(dups) || wasted < 27000 {
		t.Errorf("%d groups of duplicates waste %d: %+v", groups, wasted, tens)
	}
	for _, f := range s.Fills() {
		if f.TypeName == "builtins.dict" && (f.Worst != mustAddr(t, sparseOf(s)) ||
			f.WorstBy < 5000*24 || f.Used > f.Capacity) {
			t.Errorf("dicts: %+v", f)
		}
	}
	found := false
	for _, x := range d.Suspects(.05) {
		found = found || strings.HasSuffix(s.w.Path(x.Addr), ".more['mmap']") && x.Retained >= 1<<20
	}
	if !found {
		t.Errorf("an mmap of 1 MiB is no suspect: %+v", d.Suspects(.05))
	}
}

func sparseOf(s *Sizes) string {
	a, err := s.w.h.Lookup("sparse")
	if err != nil {
		return "0x0"
	}
	return a.String()
}
