package pyheap

// eachLive calls fn with every block that an allocator has handed out and not got back.
func (h *Heap) eachLive(fn func(at, size uint64)) {
	h.alloc.eachLive(fn)
	h.view.findChunks()
	for i := range h.view.segs {
		s := &h.view.segs[i]
		if s.chunks != nil {
			h.view.eachChunk(s, fn)
			h.eachMapped(s, s.chained, fn)
		} else if s.heap && s.path == "" {
			h.eachMapped(s, s.start, fn)
		} else if s.heap && s.fileEnd < s.end { // a .bss, and what the kernel joined with it
			h.eachMapped(s, max(s.own, s.fileEnd), fn)
		}
	}
}

// eachChunk calls fn with the blocks in use of a segment whose chunks are known.
func (v *view) eachChunk(s *seg, fn func(at, size uint64)) {
	for at := s.firstChunk; at+16 <= s.chained; {
		size := s.word(at+8) &^ chunkFlags
		if size < minChunk {
			break
		}
		start := s.userStart(at + 16)
		if n, live := v.mallocBlock(s, start); live && at+size < s.end {
			fn(start, n)
		}
		at += size
	}
}

// eachMapped calls fn with the blocks of s, from an address on, that malloc mapped one by one. The kernel joins their mappings with others, so
// every page is looked at; those of pymalloc's arenas are not.
func (h *Heap) eachMapped(s *seg, from uint64, fn func(at, size uint64)) {
	const page = 4096
	for at := (from + page - 1) &^ (page - 1); at+page <= s.end; {
		if a := h.alloc.arenaOf(at); a != nil {
			at = (a.end + page - 1) &^ (page - 1)
			continue
		}
		before, w := s.peek(at)
		size := w &^ chunkFlags
		if before != 0 || w&chunkFlags != chunkMmapped || size < page || size&(page-1) != 0 || size > s.end-at {
			at += page
			continue
		}
		fn(at+16, size-16)
		at += size
	}
}
