package pyheap

import (
	"math/rand/v2"
	"testing"

	"pyfreeze/procmem"
)

// allocatorWords gives the addresses of words by which the allocators know their blocks: the table of arenas, heads of pools, links of
// free blocks, heads of chunks, links of bins, fastbins and thread caches.
func allocatorWords(h *Heap) (out []uint64) {
	add := func(at uint64, n int) {
		for i := range uint64(n) {
			out = append(out, at+8*i)
		}
	}
	if table, count, ok := h.alloc.arenaTable(); ok {
		add(table, int(count*h.off.alloc.arenaSize/8))
	}
	for i := range h.alloc.arenas {
		ar := &h.alloc.arenas[i]
		for at := ar.start; at < ar.end; at += h.alloc.poolSize {
			add(at, int(h.off.alloc.poolHeader/8))
		}
	}
	h.EachDead(func(d Dead) {
		add(uint64(d.Start), int(d.Links/8))
	})
	for i := range h.view.segs {
		s := &h.view.segs[i]
		if s.chunks == nil {
			continue
		}
		add(s.firstChunk, 80) // a main arena's first chunk is the thread cache; a thread's follows its arena
		h.view.eachChunk(s, func(at, size uint64) { add(at-16, 2) })
	}
	return out
}

// FuzzBlocks damages what the allocators know their blocks by: reading it takes bounded work, and no block is found twice or outside of memory.
func FuzzBlocks(f *testing.F) {
	tg := start(f, python311, "../testdata/python/blocks.py")
	words := allocatorWords(tg.heap)
	if len(words) < 1000 {
		f.Fatalf("only %d words of the allocators", len(words))
	}
	for i := uint64(0); i < 12; i++ {
		f.Add(i, uint16(1<<i))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16) {
		rng := rand.New(rand.NewPCG(seed, 3))
		segs := append([]procmem.Segment(nil), tg.heap.sp.Segments()...)
		own := map[int]bool{}
		for range int(n) + 1 {
			at := words[rng.IntN(len(words))]
			for i := range segs {
				s := &segs[i]
				if !s.Contains(Addr(at)) || at+8 > uint64(s.End) {
					continue
				}
				if !own[i] {
					s.Data, own[i] = append([]byte(nil), s.Data...), true
				}
				v := rng.Uint64() >> rng.IntN(64)
				switch rng.IntN(4) {
				case 0:
					v = words[rng.IntN(len(words))]
				case 1:
					v = at
				case 2:
					v = le64(s.Data, at-uint64(s.Start)) ^ 1<<rng.IntN(64)
				}
				for j := range 8 {
					s.Data[at-uint64(s.Start)+uint64(j)] = byte(v >> (8 * j))
				}
			}
		}
		sp, err := procmem.NewSpace(segs)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Open(sp, tg.heap.in, tg.heap.lay)
		if err != nil {
			return
		}
		calls := uint64(0)
		inside := func(what string, at, size uint64) {
			calls++
			if s := h.view.find(at); s == nil || size > s.end-at {
				t.Fatalf("%s: %d bytes at %#x are not in memory", what, size, at)
			}
		}
		h.eachLive(func(at, size uint64) { inside("live", at, size) })
		h.EachDead(func(d Dead) {
			if d.Start > d.End {
				t.Fatalf("a dead block ends before it begins: %+v", d)
			}
			if d.Start < d.End {
				inside("dead", uint64(d.Start), uint64(d.End-d.Start))
			}
		})
		if calls > h.size/16 {
			t.Errorf("%d blocks in %d bytes", calls, h.size)
		}
	})
}
