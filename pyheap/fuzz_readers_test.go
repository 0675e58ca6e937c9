package pyheap

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pyfreeze/procmem"
)

// damagedGraph is a heap that random damage is done to, with the addresses that are then read.
func damagedGraph(f *testing.F) (*target, []Addr) {
	tg := start(f, python311, testdata("graph.py"), "3", "300")
	w, err := tg.heap.Walk(WalkOptions{})
	if err != nil {
		f.Fatal(err)
	}
	var at []Addr
	w.Each(func(o Object) {
		if strings.HasPrefix(o.TypeName, "__main__.") || len(at)%16 == 0 || o.TypeName == "builtins.type" {
			at = append(at, o.Addr)
		} else if rand.N(16) == 0 {
			at = append(at, o.Addr)
		}
	})
	return tg, at
}

// FuzzReaders reads single objects of a damaged heap in all ways: an error is fine, a panic, or
// a call that does more than it may, is not.
func FuzzReaders(f *testing.F) {
	tg, at := damagedGraph(f)
	for i := range uint64(8) {
		f.Add(i, uint16(1)<<(2*i))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16) {
		h, err := Open(damaged(t, tg.heap.sp, seed, int(n)), tg.heap.in, tg.heap.lay)
		if err != nil {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 4))
		begin := time.Now()
		for range 300 {
			a := at[rng.IntN(len(at))]
			switch rng.IntN(4) {
			case 0:
				a += Addr(rng.IntN(64)) // not where an object begins
			case 1:
				s := &h.view.segs[rng.IntN(len(h.view.segs))]
				a = Addr(s.start + uint64(rng.Int64N(int64(s.end-s.start))))
			}
			readOne(t, h, a)
		}
		readRest(h)
		if d := time.Since(begin); d > time.Minute {
			t.Errorf("300 objects take %v", d)
		}
	})
}

// readOne reads what may be an object, in all ways there are.
func readOne(t *testing.T, h *Heap, a Addr) {
	t.Helper()
	within := func(what string) {
		if h.calls != 0 || h.work > h.limit+h.size {
			t.Errorf("%s of %v: %d words read, %d allowed; %d calls open", what, a, h.work, h.limit, h.calls)
		}
	}
	items, total, err := h.Items(a, 50)
	if err == nil && (len(items) > 50 || total >= 0 && total < len(items)) {
		t.Errorf("%v has %d items, of them %d were read", a, total, len(items))
	}
	within("Items")
	attributes, _ := h.Attributes(a, 20)
	if len(attributes) > 20 {
		t.Errorf("%v has %d of 20 attributes", a, len(attributes))
	}
	for _, at := range attributes {
		_, _ = h.Attr(a, at.Name)
		_, _ = h.Member(a, at.Name)
	}
	within("Attr")
	if refs := h.Edges(a); len(refs) > maxRefs {
		t.Errorf("%v has %d references", a, len(refs))
	}
	within("Edges")
	if text := h.Repr(a, 100); len([]rune(text)) > 100 {
		t.Errorf("the repr of %v has %d characters", a, len([]rune(text)))
	}
	within("Repr")
	if text := h.About(a); len(text) > 1<<12 {
		t.Errorf("of %v is told in %d bytes", a, len(text))
	}
	_, _ = h.Header(a)
	within("Header")
	_, _, _ = h.FrameOf(a)
	_, _ = h.FrameAt(a)
	_, _, _ = h.CodeStart(a)
	within("frames")
	_, _ = h.Str(a)
	_, _ = h.Bytes(a)
	_, _ = h.Int(a)
	_, _ = h.Float(a)
	_, _ = h.Lock(a)
	_, _ = h.Descriptor(a)
	_, _ = h.DescriptorAddr(a)
	_, _, _ = h.CFieldAddr(a, "ob_type")
	if lay, r, ok := h.StructOf(a); ok {
		_, _ = h.ReadC(lay, r, a, CLimits{})
	}
	h.IsType(a)
	h.IsObject(a)
	within("the rest")
}

// readRest reads what is no single object.
func readRest(h *Heap) {
	h.GC()
	h.AllocatorUsage()
	h.ThreadObjects()
	_, _ = h.State()
	h.EachAllocatorRange(func(procmem.Range) {})
	n := 0
	h.EachDead(func(Dead) { n++ })
	w, err := h.Walk(WalkOptions{})
	if err != nil {
		return
	}
	w.EachSlack(func(_, _ Addr) { n++ })
	w.Opaque()
	w.Each(func(o Object) {
		if n++; n%500 == 0 {
			w.At(o.Addr - 8)
			w.Word(o.Addr + 16)
			w.Containing(o.Addr + 4096)
		}
	})
}
