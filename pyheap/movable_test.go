package pyheap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// hashLine is what testdata/hashes.py says of one object.
type hashLine struct {
	addr             Addr
	typ, hash, value string
	members          []string // of a set, in the order of iteration
}

func hashLines(t *testing.T, lines []string) map[string]hashLine {
	out := map[string]hashLine{}
	for _, l := range lines {
		f := strings.Split(l, "\t")
		var a uint64
		if len(f) != 6 {
			t.Fatalf("%q", l)
		}
		if _, err := fmt.Sscanf(f[1], "%x", &a); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		out[f[0]] = hashLine{Addr(a), f[2], f[3], f[4], strings.Split(f[5], "|")}
	}
	return out
}

// TestLongHashBasis runs one program twice, at other addresses, and compares which hashes differ
// with what is said of them.
func TestLongHashBasis(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			// Objects from malloc lie in a mapping of their own: else what is random in two addresses cancels out
			// where they are combined by exclusive or, as in the hash of a builtin function.
			first := hashLines(t, hashRun(t, "PYTHONMALLOC=malloc", python).lines)
			tg := hashRun(t, "PYTHONMALLOC=default", python)
			tg.capture(t)
			checkHashes(t, tg, first, hashLines(t, tg.lines))
		})
	}
}

func hashRun(t *testing.T, env, python string) *target {
	t.Helper()
	tg := &target{}
	tg.pid, tg.lines = launch(t, "/usr/bin/env", "PYTHONHASHSEED=0", env, python, testdata("hashes.py"))
	stop(t, tg.pid)
	return tg
}

func checkHashes(t *testing.T, tg *target, first, second map[string]hashLine) {
	w := tg.walk(t)
	defer tg.heap.begin(tg.heap.walkLimit())()
	x := newHasher(tg.heap)
	counts := map[string]int{}
	wrong, paired, cancelled := 0, 0, 0
	unknown := map[string]int{}
	for path, b := range second {
		a, ok := first[path]
		if !ok || a.typ != b.typ || a.value != b.value { // a pid, a time
			continue
		}
		if _, ok := w.Find(b.addr); !ok {
			continue
		}
		paired++
		basis, why := x.of(uint64(b.addr))
		truth := "value"
		switch {
		case b.hash == "none":
			truth = "none"
		case a.hash != b.hash:
			truth = "address"
		}
		counts[truth+" said to be "+basis.String()]++
		// Exclusive ors of two addresses, and what is made of them, may come out equal.
		if basis == HashAddress && truth == "value" {
			cancelled++
			continue
		}
		agree := basis == HashUnknown || truth == basis.String() || basis == HashFixed && truth != "none"
		if basis == HashUnknown {
			unknown[why]++
			if why == "" {
				t.Errorf("%s (%s): no reason is given", path, b.typ)
			}
		}
		if !agree {
			if wrong++; wrong <= 30 {
				t.Errorf("%s (%s): hash %s, then %s; said to depend on: %v", path, b.typ, a.hash, b.hash, basis)
			}
		}
	}
	t.Logf("%d objects compared, %d wrong: %v", paired, wrong, counts)
	checkOrders(t, w, first, second)
	for why, n := range unknown {
		t.Logf("unknown: %d: %s", n, why)
	}
	if n := counts["address said to be address"]; cancelled > n/100 {
		t.Errorf("%d hashes are the same though said to depend on addresses, %d differ", cancelled, n)
	}
	if paired < 20000 {
		t.Errorf("only %d objects were compared", paired)
	}
}

// checkOrders compares the order in which the same sets are iterated with what is said of it.
func checkOrders(t *testing.T, w *Walk, first, second map[string]hashLine) {
	c := newClassifier(w)
	var same, moved int
	counts := map[string]int{}
	for path, b := range second {
		a := first[path]
		if (b.typ != "set" && b.typ != "frozenset") || a.typ != b.typ || !slices.Equal(slices.Sorted(slices.Values(a.members)), slices.Sorted(slices.Values(b.members))) {
			continue
		}
		i, ok := w.exactly(uint64(b.addr))
		if !ok {
			continue
		}
		before := c.m.FileOrdered
		fate, _ := c.content(uint64(b.addr), w.h.list[w.nodes[i].typ])
		equal := slices.Equal(a.members, b.members)
		if equal {
			same++
		} else {
			moved++
		}
		if counts[fmt.Sprintf("%v, same order %v", fate, equal)]++; fate == FateFree && c.m.FileOrdered == before && !equal {
			t.Errorf("%s: said to be in any process %v, was %v", path, b.members, a.members)
		}
	}
	t.Logf("%d sets with the same members, %d in another order: %v", same+moved, moved, counts)
	if same < 50 || moved < 1 {
		t.Error("too few sets of either kind to tell anything")
	}
}

// TestMovable classifies objects of every class, and checks the fate and the reason of each.
func TestMovable(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) { checkMovable(t, start(t, python, testdata("movable.py"))) })
	}
}

func checkMovable(t *testing.T, tg *target) {
	w := tg.walk(t)
	c := newClassifier(w)
	if err := c.findPins(); err != nil {
		t.Fatal(err)
	}
	for _, line := range tg.lines {
		f := strings.SplitN(line, " ", 4)
		var a uint64
		if _, err := fmt.Sscanf(f[1], "0x%x", &a); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		i, ok := w.exactly(a)
		if !ok {
			t.Errorf("%s was not found", f[0])
			continue
		}
		fate, why := c.fate(i, tg.heap.list[w.nodes[i].typ])
		if fate.String() != f[2] || len(f) > 3 && !strings.Contains(why, f[3]) {
			t.Errorf("%s: %v (%s), want %s", f[0], fate, why, strings.Join(f[2:], " "))
		}
	}
	m, err := w.Movable(nil)
	if err != nil {
		t.Fatal(err)
	}
	total := MovableCount{}
	for f, n := range m.Fates {
		t.Logf("%-8v %7d objects %9d bytes", Fate(f), n.Objects, n.Bytes)
		total.Objects += n.Objects
		total.Bytes += n.Bytes
	}
	if total.Objects != w.Objects() {
		t.Errorf("%d objects classified, %d in the walk", total.Objects, w.Objects())
	}
	for _, r := range m.Reasons[:min(12, len(m.Reasons))] {
		t.Logf("%v: %d, %d bytes: %s: %s", r.Fate, r.Objects, r.Bytes, r.Why, w.Path(r.Example))
	}
	found := false
	for _, id := range m.IDs {
		found = found || strings.Contains(w.Path(id.Int), "kept_id") && id.TypeName == "__main__.Plain"
	}
	for _, id := range m.IDs[:min(10, len(m.IDs))] {
		t.Logf("id of a %s: %s", id.TypeName, w.Path(id.Int))
	}
	t.Logf("hashes %v, %d sets in another order, %d ids, %+v opaque", m.Hashes, m.ReorderedSets, m.IDCount, m.Opaque)
	if !found {
		t.Errorf("the id that the program keeps is not among %+v", m.IDs)
	}
}
