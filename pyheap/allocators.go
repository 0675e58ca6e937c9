package pyheap

import "pyfreeze/procmem"

// EachAllocatorRange calls fn for the memory of the allocators whose dealings with the kernel are known: pymalloc's arenas, and the
// heaps of malloc's arenas. Blocks that malloc has mapped one by one are not among them: see [MappedChunks].
func (h *Heap) EachAllocatorRange(fn func(procmem.Range)) {
	for i := range h.alloc.arenas {
		a := &h.alloc.arenas[i]
		fn(procmem.Range{Start: Addr(a.limit - h.alloc.arenaBytes), End: Addr(a.limit)})
	}
	h.view.findChunks()
	for i := range h.view.segs {
		if s := &h.view.segs[i]; s.chunks != nil {
			fn(procmem.Range{Start: Addr(s.firstChunk &^ 4095), End: Addr(min((s.chained+4095)&^4095, s.end))})
		}
	}
}

// MappedChunks returns the lengths of the blocks that malloc has mapped one by one, if nothing else is in b, the memory of a private
// anonymous mapping; nil if there is something else. Each has a header of its own: malloc/malloc.c of glibc, sysmalloc_mmap.
func MappedChunks(b []byte) (out []uint64) {
	const page = 4096
	for at := uint64(0); at < uint64(len(b)); {
		size := le64(b, at+8)
		n := size &^ chunkFlags
		if le64(b, at) >= page || size&chunkFlags != chunkMmapped || n == 0 || n%page != 0 || n > uint64(len(b))-at {
			return nil
		}
		out = append(out, n)
		at += n
	}
	return out
}
