package pyheap

import "pyfreeze/procmem"

// EachAllocatorRange calls fn for the memory of the allocators whose dealings with the kernel are
// known: pymalloc's arenas, and the heaps of malloc's arenas. Blocks that malloc has mapped one by
// one are not among them: see [MappedChunks].
func (h *Heap) EachAllocatorRange(fn func(procmem.Range)) {
	for i := range h.alloc.arenas {
		a := &h.alloc.arenas[i]
		fn(procmem.Range{Start: Addr(a.address), End: Addr(a.limit)})
	}
	h.view.findChunks()
	for i := range h.view.segs {
		if s := &h.view.segs[i]; s.chunks != nil {
			fn(procmem.Range{Start: Addr(s.firstChunk &^ 4095), End: Addr(min((s.chained+4095)&^4095, s.end))})
		}
	}
}

// MappedChunks returns the lengths of the blocks that malloc has mapped one by one, if nothing else
// is in a private anonymous mapping, of which there are so many bytes; nil if there is something
// else. words gives two words at an offset of it. Each block has a header of its own:
// malloc/malloc.c of glibc, sysmalloc_mmap.
func MappedChunks(bytes uint64, words func(off uint64) [2]uint64) (out []uint64) {
	const page = 4096
	for at := uint64(0); at+16 <= bytes; {
		w := words(at)
		n := w[1] &^ chunkFlags
		if w[0] >= page || w[1]&chunkFlags != chunkMmapped || n == 0 || n%page != 0 || n > bytes-at {
			return nil
		}
		out = append(out, n)
		at += n
	}
	return out
}

// AllocatorBytes gives how much memory the allocators have of the kernel, as far as
// [Heap.EachAllocatorRange] and the blocks that malloc has mapped alone tell.
func (h *Heap) AllocatorBytes() (n uint64) {
	h.EachAllocatorRange(func(r procmem.Range) { n += uint64(r.End - r.Start) })
	h.eachLive(func(at, size uint64) {
		s := h.view.find(at)
		inHeap := s != nil && s.chunks != nil && at >= s.firstChunk && at < s.chained
		if !inHeap && h.alloc.arenaOf(at) == nil {
			n += size
		}
	})
	return n
}
