package pyheap

import (
	"math/rand/v2"
	"testing"

	"pyfreeze/procmem"
)

// damaged gives a copy of a space whose writable memory was damaged at random: words set to pointers
// into it, to small and to huge numbers, bits flipped, pages zeroed.
func damaged(t testing.TB, sp *procmem.Space, seed uint64, n int) *procmem.Space {
	rng := rand.New(rand.NewPCG(seed, 1))
	src := sp.Segments()
	segs := make([]procmem.Segment, len(src))
	var writable []int
	for i := range src {
		segs[i] = src[i]
		if src[i].Write && len(src[i].Data) >= 4096 {
			segs[i].Data = append([]byte(nil), src[i].Data...)
			writable = append(writable, i)
		}
	}
	for range n {
		s := &segs[writable[rng.IntN(len(writable))]]
		off := rng.IntN(len(s.Data)/8) * 8
		var v uint64
		switch rng.IntN(7) {
		case 0:
			o := &segs[writable[rng.IntN(len(writable))]]
			v = uint64(o.Start) + uint64(rng.IntN(len(o.Data)))&^7
		case 1:
			v = uint64(rng.IntN(1 << 16))
		case 2:
			v = rng.Uint64()
		case 3:
			v = ^uint64(0) - uint64(rng.IntN(64))
		case 4:
			v = uint64(s.Start) + uint64(off) // points to itself
		case 5:
			s.Data[off+rng.IntN(8)] ^= 1 << rng.IntN(8)
			continue
		case 6:
			end := min(off+rng.IntN(4096), len(s.Data))
			clear(s.Data[off:end])
			continue
		}
		for i := range 8 {
			s.Data[off+i] = byte(v >> (8 * i))
		}
	}
	out, err := procmem.NewSpace(segs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// readAll uses everything on a heap that may be damaged. Errors are fine; a panic is not, and no call may read more than its
// budget and one object beyond it.
func readAll(t *testing.T, h *Heap) {
	bounded := func(what string) {
		t.Helper()
		if h.calls != 0 || h.work > h.limit+h.size {
			t.Errorf("%s: %d words read, %d allowed; %d calls open", what, h.work, h.limit, h.calls)
		}
	}
	threads, _ := h.Threads()
	for _, th := range threads {
		frames, _ := h.Frames(th.Addr)
		for i, f := range frames {
			for _, l := range f.Locals {
				if i < 50 {
					h.Repr(l.Value, 80)
				}
			}
		}
	}
	for _, th := range threads {
		for _, e := range h.Handled(th.Addr) {
			_, _ = h.ReadException(e)
		}
	}
	_, _ = h.Tasks()
	modules, _ := h.Modules()
	for _, m := range modules {
		h.Repr(m.Addr, 80)
		_, _ = h.Attr(m.Addr, "__name__")
	}
	_, _ = h.Lookup("os.environ._data[b'PATH']")
	_, _ = h.Lookup("sys.modules['__main__'].__dict__")
	bounded("reading values")
	w, err := h.Walk(WalkOptions{Progress: func(int) {}})
	bounded("Walk")
	if err != nil {
		return
	}
	if nodes := uint64(len(w.nodes)); nodes > h.size/8 {
		t.Errorf("%d nodes in %d bytes", nodes, h.size)
	}
	w.ByType()
	if list, n := w.Problems(); len(list) > maxProblems || n < len(list) {
		t.Errorf("%d problems, said to be %d", len(list), n)
	}
	bounded("Problems")
	for _, typ := range DescriptorTypes() {
		for _, o := range w.OfType(typ) {
			_, _ = h.Descriptor(o.Addr)
			w.Path(o.Addr)
		}
	}
	want := map[Addr]bool{}
	w.EachValue(1000, func(v Value) {
		if len(want) < 100 {
			want[v.Addr] = true
		}
	})
	if tr, err := w.Trace(TraceOptions{Without: []string{"__main__"}, Want: want}); err == nil {
		for i, r := range tr.References() {
			if i < 100 {
				tr.Path(r)
				tr.Modules(r)
			}
		}
	}
	w.Tasks()
	w.Greenlets()
	bounded("tasks")
	for i, g := range w.Generators() {
		if i < 1000 {
			h.AwaitChain(g)
		}
	}
	n := 0
	w.Each(func(o Object) {
		if n++; n%100 == 0 && n < 20000 {
			_, _ = h.Lookup(w.Path(o.Addr))
			_, _ = h.ReadException(o.Addr)
			h.Awaits(o.Addr)
			h.GreenletFrames(o.Addr)
			h.Children(o.Addr)
			h.Repr(o.Addr, 60)
			_, _ = h.Attr(o.Addr, "x")
		}
		w.IsData(o.Addr + 24)
		w.IsData(o.Addr - 8)
	})
}

func FuzzDamagedHeap(f *testing.F) {
	tg := start(f, python311, "-I", "-S", testdata("fuzztarget.py"))
	for i := uint64(0); i < 24; i++ {
		f.Add(i, uint16(1<<(i%15)))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16) {
		h, err := Open(damaged(t, tg.heap.sp, seed, int(n)), tg.heap.in, tg.heap.lay)
		if err != nil {
			return
		}
		readAll(t, h)
	})
}

// FuzzHostile reads a heap of objects that overlap as no random damage makes them.
func FuzzHostile(f *testing.F) {
	tg := start(f, python311, "-I", "-S", testdata("fuzztarget.py"))
	f.Add(uint64(0), uint8(0))
	f.Add(uint64(1), uint8(7))
	f.Add(uint64(2), uint8(255))
	f.Fuzz(func(t *testing.T, seed uint64, every uint8) {
		sp := hostile(t, tg.heap, seed, int(every)+1)
		h, err := Open(sp, tg.heap.in, tg.heap.lay)
		if err != nil {
			return
		}
		readAll(t, h)
	})
}

// hostile fills the arenas with overlapping lists, dicts, tuples and types that all refer to each
// other and claim to be huge.
func hostile(t testing.TB, h *Heap, seed uint64, every int) *procmem.Space {
	rng := rand.New(rand.NewPCG(seed, 2))
	src := h.sp.Segments()
	segs := make([]procmem.Segment, len(src))
	var types []uint64
	for a := range h.known {
		types = append(types, a)
	}
	for i := range src {
		segs[i] = src[i]
		s := &segs[i]
		if !s.Write || s.Path != "" || len(s.Data) < 1<<16 {
			continue
		}
		s.Data = append([]byte(nil), s.Data...)
		put := func(off int, v uint64) {
			for j := range 8 {
				s.Data[off+j] = byte(v >> (8 * j))
			}
		}
		for off := 0; off+64 <= len(s.Data); off += 16 * (1 + rng.IntN(every)) {
			put(off, 1)
			put(off+8, types[rng.IntN(len(types))])
			put(off+16, uint64(len(s.Data)/8))
			put(off+24, uint64(s.Start)+uint64(rng.IntN(len(s.Data)))&^15)
		}
	}
	out, err := procmem.NewSpace(segs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func FuzzLineTables(f *testing.F) {
	f.Add([]byte("\x80\x00\xd8\x08\x0c\x8f\r\x8a\r\x90d\xd4\x16"), 1, int64(4))
	f.Fuzz(func(t *testing.T, table []byte, first int, at int64) {
		lineInLocations(table, first, at)
		lineInLinetable(table, first, at)
		lineInLnotab(table, first, at)
	})
}

func FuzzLookup(f *testing.F) {
	tg := start(f, python311, testdata("values.py"))
	for _, s := range []string{"__main__.nest['l'][-1]", "sys.modules['os'].environ", `__main__.nest[b"k"][0]`, "a['\\'",
		"sys.modules key 3", "sys.modules ...(3 steps)... 0x1", "__main__ -> <A at 0x10>.b", "frame f() in a:1, local 'x'", "_PyRuntime.gc",
		"thread state at 0x10, dict", "static data at 0x10", "(x) 0x10 member 1", "os.environ.__dict__['_data'][<x at 0x10>]", "main thread's dict"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if a, err := tg.heap.Lookup(path); err == nil {
			tg.heap.Repr(a, 40)
		}
	})
}
