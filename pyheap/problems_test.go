package pyheap

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pyfreeze/procmem"
)

// TestSoundHeaps finds nothing wrong with interpreters at rest.
func TestSoundHeaps(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			for _, script := range []string{"census.py", "library.py", "broken.py"} {
				w := start(t, python, testdata(script)).walk(t)
				list, n := w.Problems()
				for i := range list[:min(len(list), 30)] {
					t.Errorf("%s: %v; %s", script, list[i], w.Path(list[i].Addr))
				}
				t.Logf("%s: %d problems among %d objects", script, n, w.Objects())
			}
		})
	}
}

// words is a copy of a target's memory that can be changed.
type words struct {
	t    *testing.T
	segs []procmem.Segment
}

func changeable(t *testing.T, sp *procmem.Space) *words {
	w := &words{t: t, segs: slices.Clone(sp.Segments())}
	for i := range w.segs {
		if w.segs[i].Write {
			w.segs[i].Data = slices.Clone(w.segs[i].Data)
		}
	}
	return w
}

// word gives the 8 bytes at a.
func (w *words) word(a uint64) []byte {
	for i := range w.segs {
		s := &w.segs[i]
		if off := a - uint64(s.Start); a >= uint64(s.Start) && off+8 <= uint64(len(s.Data)) {
			return s.Data[off : off+8]
		}
	}
	w.t.Fatalf("%#x is not in the target", a)
	return nil
}

func (w *words) get(a uint64) uint64    { return binary.LittleEndian.Uint64(w.word(a)) }
func (w *words) put(a uint64, v uint64) { binary.LittleEndian.PutUint64(w.word(a), v) }

// TestLongBrokenObjects damages one object of each kind: the walk goes on, finds the rest, and
// names what is broken.
func TestLongBrokenObjects(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) { testBroken(t, start(t, python, testdata("broken.py"))) })
	}
}

func testBroken(t *testing.T, tg *target) {
	at, holder := map[string]uint64{}, map[string]uint64{}
	for _, line := range tg.lines {
		var name string
		var a, b uint64
		if _, err := fmt.Sscanf(line, "VICTIM %s %v %v", &name, &a, &b); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		at[name], holder[name] = a, b
	}
	h := tg.heap
	o := h.off
	sound := tg.walk(t).Objects()
	held := o.objectSize // of Slots: its only slot
	const huge = 1 << 60
	neighbour := at["overlap"] + 16 // within a tuple
	for _, c := range []struct {
		name   string
		what   string // of the problem
		on     uint64 // the object that it is told of
		damage func(m *words)
	}{
		{"wild_type", "is no type", holder["wild_type"], func(m *words) { m.put(at["wild_type"]+o.obType, 0x4141414141414140) }},
		{"no_refs", "ob_refcnt is 0", holder["no_refs"], func(m *words) { m.put(at["no_refs"], 0) }},
		{"negative_list", "ob_size of -7", at["negative_list"], func(m *words) { m.put(at["negative_list"]+o.obSize, ^uint64(6)) }},
		{"huge_tuple", "ob_size", at["huge_tuple"], func(m *words) { m.put(at["huge_tuple"]+o.obSize, huge) }},
		{"huge_list", "ob_size", at["huge_list"], func(m *words) { m.put(at["huge_list"]+o.obSize, huge) }},
		{"huge_list", "room for", at["huge_list"], func(m *words) {
			m.put(at["huge_list"]+o.obSize, 1<<20)
			m.put(at["huge_list"]+o.seq.listAllocated, 1<<20)
		}},
		{"huge_str", "no str has", at["huge_str"], func(m *words) { m.put(at["huge_str"]+o.str.length, huge) }},
		{"huge_bytes", "ob_size", at["huge_bytes"], func(m *words) { m.put(at["huge_bytes"]+o.obSize, huge) }},
		{"huge_bytes", "more than its block", at["huge_bytes"], func(m *words) { m.put(at["huge_bytes"]+o.obSize, 5000) }},
		{"bad_keys", "table of keys", at["bad_keys"], func(m *words) { m.put(at["bad_keys"]+o.dict.keys, 0x10) }},
		{"bad_set", "table of", at["bad_set"], func(m *words) { m.put(at["bad_set"]+o.seq.setMask, 1<<30-1) }},
		{"dangling", "not in known memory", at["dangling"], func(m *words) { m.put(at["dangling"]+held, 0x123456789000) }},
		{"unaligned", "not aligned", at["unaligned"], func(m *words) { m.put(at["unaligned"]+held, m.get(at["unaligned"]+held)+3) }},
		{"freed", "freed memory", at["freed"], func(m *words) { // its block is put into the pool's list of free ones
			block := at["freed"] - o.gc.headSize
			pool := block &^ (h.alloc.poolSize - 1)
			m.put(block, m.get(pool+o.alloc.poolFree))
			m.put(pool+o.alloc.poolFree, block)
		}},
		{"overlap", "does not begin where its block does", neighbour, func(m *words) { // an object within an object
			m.put(neighbour, 1)
			m.put(neighbour+o.obType, m.get(at["bad_keys"]+o.obType))
			m.put(at["dangling"]+held, neighbour)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := changeable(t, h.sp)
			c.damage(m)
			sp, err := procmem.NewSpace(m.segs)
			if err != nil {
				t.Fatal(err)
			}
			broken, err := Open(sp, h.in, h.lay)
			if err != nil {
				t.Fatal(err)
			}
			w, err := broken.Walk(WalkOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := w.Objects(); got < sound-10 || got > sound+10 {
				t.Errorf("%d objects, of %d before the damage", got, sound)
			}
			list, n := w.Problems()
			if !slices.ContainsFunc(list, func(p Problem) bool { return uint64(p.Addr) == c.on && strings.Contains(p.What, c.what) }) {
				t.Errorf("no problem %q at %#x among %d: %v", c.what, c.on, n, list)
			}
			if n > 4 {
				t.Errorf("one damage, %d problems: %v", n, list[:4])
			}
			for _, p := range list {
				w.Path(p.Addr)
			}
			w.ByType()
		})
	}
}
