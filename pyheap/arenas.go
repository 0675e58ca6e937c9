package pyheap

// glibc's malloc keeps small free chunks in lists of their own, in which they look as if they were in use:
// fastbins, in the arena, and the cache of each thread. Both are found by what they look like, and
// believed only if all of it fits, since the library's debug information is seldom installed.

// Layout of struct malloc_state in glibc 2.27 (tcache, have_fastchunks) to 2.43; malloc/malloc.c. fastbinsY was
// there at the same place before.
const (
	arenaFastbins = 0x10 // mutex, flags, have_fastchunks come before
	numFastbins   = 10
	arenaTop      = arenaFastbins + 8*numFastbins
	arenaNext     = 0x870 // behind last_remainder, 254 bins and binmap
	arenaSize     = 0x898
	maxHeaps      = 1 << 12
)

// Layout of struct tcache_perthread_struct from glibc 2.30 on, when the counts became 16 bits wide.
const (
	tcacheBins    = 64
	tcacheEntries = 2 * tcacheBins
	tcacheSize    = tcacheEntries + 8*tcacheBins
	tcacheChunk   = tcacheSize + 16
	maxCached     = 1 << 16 // of one bin
)

// Heaps of threads' arenas: HEAP_MAX_SIZE in malloc/arena.c, with a heap_info at the start.
const (
	threadHeap   = 64 << 20
	heapInfoSize = 0x30 // ar_ptr, prev, size, mprotect_size, pagesize (since 2.35), padding
)

// findChunks has the chunks of malloc known. That reads through the heap: who looks at a few
// objects does without.
func (v *view) findChunks() {
	if !v.ready {
		v.ready = true
		v.findArenas()
	}
}

// findArenas follows the chains of all arenas and marks the chunks in caches.
func (v *view) findArenas() {
	for i := range v.segs {
		if s := &v.segs[i]; s.path == "[heap]" {
			s.chunkChain(s.start)
		}
	}
	main := v.mainHeap()
	if main == nil {
		return
	}
	if a, ok := v.mainArena(main); ok {
		v.fastbins(a)
		at := a
		for range maxHeaps {
			next, ok := v.u64(at + arenaNext)
			if !ok || next == a || next == 0 || !v.threadArena(next) {
				break
			}
			at = next
		}
	}
	for i := range v.segs {
		if v.segs[i].chunks != nil {
			v.threadCaches(&v.segs[i])
		}
	}
}

func (v *view) mainHeap() *seg {
	for i := range v.segs {
		if v.segs[i].path == "[heap]" && v.segs[i].chunks != nil {
			return &v.segs[i]
		}
	}
	return nil
}

// mainArena finds struct malloc_state in libc's data: it holds the address of the heap's last chunk, and
// empty bins point to themselves.
func (v *view) mainArena(heap *seg) (uint64, bool) {
	for i := range v.segs {
		s := &v.segs[i]
		if !s.write || !isLibc(s.path) {
			continue
		}
		for off := uint64(arenaTop); off+arenaSize-arenaTop <= uint64(len(s.data)); off += 8 {
			if s.word(s.start+off) == heap.top && v.isArena(s.start+off-arenaTop) {
				return s.start + off - arenaTop, true
			}
		}
	}
	return 0, false
}

// isArena checks that each bin of an arena either points to itself or to chunks that point back.
func (v *view) isArena(a uint64) bool {
	b, ok := v.bytes(a, arenaSize)
	if !ok {
		return false
	}
	bins := uint64(arenaTop + 16)
	for i := uint64(0); i < 127; i++ {
		self := a + bins + 16*i - 16
		fd := le64(b, bins+16*i)
		if fd == self {
			continue
		}
		if bk, ok := v.u64(fd + 24); !ok || bk != self {
			return false
		}
	}
	return true
}

// threadArena follows the chains of an arena that mmap gave; its own heap holds it.
func (v *view) threadArena(a uint64) bool {
	if !v.isArena(a) {
		return false
	}
	top, _ := v.u64(a + arenaTop)
	for heap, n := top&^(threadHeap-1), 0; n < maxHeaps; n++ {
		s := v.find(heap)
		if owner, ok := v.u64(heap); !ok || owner != a || s == nil {
			break
		}
		first := heap + heapInfoSize
		if a >= heap && a-heap < threadHeap {
			first = a + arenaSize
		}
		if s.chunks == nil {
			s.chunkChain(first)
		}
		prev, ok := v.u64(heap + 8)
		if !ok || prev == 0 || prev == heap {
			break
		}
		heap = prev
	}
	v.fastbins(a)
	return true
}

func (v *view) fastbins(a uint64) {
	for i := uint64(0); i < numFastbins; i++ {
		at, _ := v.u64(a + arenaFastbins + 8*i)
		v.markList(at, minChunk+16*i, true)
	}
}

// threadCaches marks what the caches of threads in this heap hold.
func (v *view) threadCaches(s *seg) {
	for at := s.firstChunk; at+tcacheChunk <= s.chained; {
		size := s.word(at+8) &^ chunkFlags
		if size == tcacheChunk {
			s.have(at+16, tcacheSize)
			v.threadCache(s.data[at+16-s.start:][:tcacheSize])
		}
		at += max(size, minChunk)
	}
}

// threadCache marks the chunks of one cache, if it is one: all its lists must lead to chunks of their size.
func (v *view) threadCache(b []byte) {
	var heads [tcacheBins]uint64
	used := false
	for i := range heads {
		count := uint64(b[2*i]) | uint64(b[2*i+1])<<8
		heads[i] = le64(b, tcacheEntries+8*uint64(i))
		if (count == 0) != (heads[i] == 0) || heads[i] != 0 && !v.isFreeChunk(heads[i]-16, minChunk+16*uint64(i)) {
			return
		}
		used = used || count != 0
	}
	for i := 0; used && i < len(heads); i++ {
		if heads[i] != 0 {
			v.markList(heads[i]-16, minChunk+16*uint64(i), false)
		}
	}
}

func (v *view) isFreeChunk(at, size uint64) bool {
	s := v.find(at)
	if s == nil || s.chunks == nil || at < s.firstChunk || at >= s.chained || at&15 != 0 || !s.chunkBit(s.chunks, at) {
		return false
	}
	return s.word(at+8)&^chunkFlags == size
}

// markList marks the chunks of a list, each of the size given. The link of each is the first word of its memory,
// XORed with its own address since glibc 2.32 (PROTECT_PTR), and leads to the next chunk (fastbins) or
// its memory (caches).
func (v *view) markList(at, size uint64, fast bool) {
	const link = 16
	for range maxCached {
		if at == 0 || !v.isFreeChunk(at, size) {
			return
		}
		s := v.find(at)
		if s.chunkBit(s.freed, at) {
			return
		}
		n := (at - s.start) / 16
		s.freed[n/64] |= 1 << (n % 64)
		if fast {
			s.fast[n/64] |= 1 << (n % 64)
		}
		if at+link+8 > s.end {
			return
		}
		raw := s.word(at + link)
		at = v.linked(raw^(at+link)>>12, size)
		if at == 0 {
			at = v.linked(raw, size)
		}
	}
}

// linked gives the free chunk that a link leads to: to its start or to its memory.
func (v *view) linked(p, size uint64) uint64 {
	for _, at := range []uint64{p, p - 16} {
		if v.isFreeChunk(at, size) {
			return at
		}
	}
	return 0
}
