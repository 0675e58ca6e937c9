package pyheap

// Dead is memory that an allocator has, not the program.
type Dead struct {
	Start, End Addr
	Links      uint64 // so many bytes at Start are the allocator's links, which it still needs
}

// EachDead calls fn with every range of memory that allocators have not handed out, or got back: free blocks of
// pymalloc and malloc, what of their arenas was never used, and what lies behind the words of debug hooks, in the order of addresses within
// each allocator. What is left in it belongs to nobody.
func (h *Heap) EachDead(fn func(Dead)) {
	h.alloc.eachDead(fn)
	h.view.findChunks()
	for i := range h.view.segs {
		if s := &h.view.segs[i]; s.chunks != nil {
			s.eachDead(fn)
		}
	}
}

// eachDead: links are the two of a list and, of large chunks, the two of the list of sizes
// (malloc/malloc.c, struct malloc_chunk); a fastbin has one.
func (s *seg) eachDead(fn func(Dead)) {
	const minLarge = 1024
	for at := s.firstChunk; at < s.chained; {
		size := s.word(at+8) &^ chunkFlags
		if size < minChunk {
			return
		}
		next := at + size
		switch {
		case at == s.top && next >= s.end: // the rest of the heap
			fn(Dead{Start: Addr(at + 16), End: Addr(s.end)})
		case s.cached(at):
			links := uint64(16) // of a cache: the link and a mark
			if s.chunkBit(s.fast, at) {
				links = 8
			}
			fn(Dead{Start: Addr(at + 16), End: Addr(min(next+8, s.end)), Links: links})
		case next+16 <= s.end && s.word(next+8)&chunkPrevInUse == 0:
			links := uint64(16)
			if size >= minLarge {
				links = 32
			}
			fn(Dead{Start: Addr(at + 16), End: Addr(next), Links: links}) // next's header begins with its size
		default:
			if n, ok := s.hookedPart(at+16, size-8); ok {
				fn(Dead{Start: Addr(at + 16 + n), End: Addr(min(next+8, s.end))})
			}
		}
		at = next
	}
}

// eachDead: a free block begins with the link to the next one; blocks that were never handed out have none.
func (p *pools) eachDead(fn func(Dead)) {
	for i := range p.arenas {
		ar := &p.arenas[i]
		for j := range ar.pools {
			at := ar.start + uint64(j)*p.poolSize
			end := at + p.poolSize
			pl := p.pool(ar, uint64(j))
			if pl.size == 0 {
				continue // damaged
			}
			virgin := pl.first + pl.virgin*pl.size
			for k := uint64(0); k < pl.virgin; k++ {
				a := pl.first + k*pl.size
				if pl.free[k>>6]>>(k&63)&1 != 0 {
					fn(Dead{Start: Addr(a), End: Addr(a + pl.size), Links: 8})
				} else if start, size := p.inside(a, pl.size); p.debug && start != a {
					fn(Dead{Start: Addr(start + size + hookTail), End: Addr(a + pl.size)})
				}
			}
			fn(Dead{Start: Addr(virgin), End: Addr(end)})
		}
		if rest := p.h.view.clip(ar.end, ar.limit-ar.end); ar.limit > ar.end && len(rest) > 0 {
			fn(Dead{Start: Addr(ar.end), End: Addr(ar.end + uint64(len(rest)))})
		}
	}
}

// EachSlack calls fn with memory of live blocks that was not used yet: what lies behind the end of strings, bytes and
// numbers, of bytearrays in their buffers, of lists and of the keys of dicts, and Python's
// stacks above their top. Earlier owners left their data there.
func (w *Walk) EachSlack(fn func(start, end Addr)) {
	h := w.h
	h.eachFreeStack(fn)
	for i := range w.nodes {
		n := &w.nodes[i]
		if n.isBlock() {
			if k, ok := h.keysTable(n.addr); ok && blockKind(n.typ) == blockKeys {
				if _, size, ok := h.blockOf(n.addr); ok {
					fn(Addr(k.base+k.n*k.stride), Addr(n.addr+size))
				}
			}
			continue
		}
		t := h.list[n.typ]
		switch t.kind {
		case kindByteArray:
			o := &h.off.seq
			b, ok := h.view.bytes(n.addr, t.baseSize)
			if !ok {
				continue
			}
			buf, alloc, start, size := le64(b, o.baBytes), le64(b, o.baAlloc), le64(b, o.baStart), le64(b, h.off.obSize)
			if end := start + size + 1; buf != 0 && start >= buf && size < alloc && end <= buf+alloc && alloc <= h.size {
				fn(Addr(end), Addr(buf+alloc))
			}
		case kindStr, kindBytes, kindInt:
			if !t.exact {
				continue
			}
			end := n.addr + h.ownSize(n.addr, t)
			if start, size, ok := h.blockOf(n.addr); ok && start == n.addr && end > start && end < start+size {
				fn(Addr(end), Addr(start+size))
			}
		case kindList:
			b, ok := h.view.bytes(n.addr, h.off.seq.listAllocated+8)
			if !ok {
				continue
			}
			items, used := le64(b, h.off.seq.listItems), le64(b, h.off.obSize)
			if start, size, ok := h.blockOf(items); ok && start == items && used <= size/8 {
				fn(Addr(items+used*8), Addr(items+size))
			}
		}
	}
}

// blockOf gives the live block of an allocator that a lies in; of malloc's, which begins at a.
func (h *Heap) blockOf(a uint64) (start, size uint64, ok bool) {
	start, size, live, inArena := h.alloc.block(a)
	if s := h.view.find(a); !inArena && s != nil {
		start = a
		size, live = h.view.mallocBlock(s, a)
	}
	return start, size, live
}

// eachFreeStack calls fn with what lies above the top of the stack of each Python thread, in the chunk that is
// in use; frames are kept there since 3.11 (bpo-44032).
func (h *Heap) eachFreeStack(fn func(start, end Addr)) {
	const maxChunk = 1 << 30
	r := &resolver{lay: h.lay}
	top, limit := r.opt("PyThreadState.datastack_top"), r.opt("PyThreadState.datastack_limit")
	chunk := r.opt("PyThreadState.datastack_chunk")
	threads, err := h.Threads()
	if err != nil || top == absent || limit == absent || chunk == absent {
		return
	}
	for _, t := range threads {
		from, _ := h.view.u64(uint64(t.Addr) + top)
		to, _ := h.view.u64(uint64(t.Addr) + limit)
		base, _ := h.view.u64(uint64(t.Addr) + chunk)
		if base == 0 || from <= base || to < from || to-base > maxChunk {
			continue
		}
		if _, ok := h.view.bytes(from, to-from); ok {
			fn(Addr(from), Addr(to))
		}
	}
}
