package pyheap

import "math/bits"

// glibc's malloc puts a header of two words before each chunk: the size of the previous chunk if
// that is free, then the size of this one with three flag bits.
const (
	chunkPrevInUse = 1
	chunkMmapped   = 2
	chunkFlags     = 7
	minChunk       = 32
	maxTop         = 1 << 40
)

// chunkChain follows the chunks of an arena from the address of the first one, each of which ends where
// the next begins. It marks their starts, one bit for 16 bytes, up to where the chain ends or breaks
// (a program may move brk itself).
func (s *seg) chunkChain(at uint64) {
	at = (at + 15) &^ 15
	s.chunks = make([]uint64, (s.end-s.start)/(16*64)+1)
	s.freed, s.fast = make([]uint64, len(s.chunks)), make([]uint64, len(s.chunks))
	s.firstChunk = at
	for at < s.end && s.end-at >= 16 {
		size := s.word(at+8) &^ chunkFlags
		if size < minChunk || size&15 != 0 || size > s.end-at {
			break
		}
		n := (at - s.start) / 16
		s.chunks[n/64] |= 1 << (n % 64)
		s.top = at
		at += size
	}
	s.chained = at
}

// isChunk says whether a chunk may begin at a: certain below s.chained, unknown and so true above.
func (s *seg) isChunk(a uint64) bool {
	s.view.findChunks()
	if s.chunks == nil || a < s.firstChunk || a >= s.chained {
		return true
	}
	return s.chunkBit(s.chunks, a)
}

// inChain says whether a lies among chunks that are known.
func (s *seg) inChain(a uint64) bool {
	s.view.findChunks()
	return s.chunks != nil && a >= s.firstChunk+16 && a < s.chained
}

// blockAround gives the start of the malloc block that may contain a, 0 if there is none: libraries keep pointers
// into their blocks, as sqlite does behind a size of its own. Where no chain of chunks is known, only a itself can
// be a start.
func (s *seg) blockAround(a uint64) uint64 {
	const maxBack = 1 << 10 // words of the bitmap, 1 KiB of memory each
	if !s.inChain(a) {
		return a
	}
	n := (a-s.start)/16 - 1
	i, w := n/64, s.chunks[n/64]<<(63-n%64)>>(63-n%64)
	for back := 0; w == 0 && i > 0 && back < maxBack; back++ {
		i--
		w = s.chunks[i]
	}
	if w == 0 {
		return 0
	}
	return s.start + (i*64+uint64(63-bits.LeadingZeros64(w)))*16 + 16
}

func (s *seg) chunkBit(set []uint64, a uint64) bool {
	n := (a - s.start) / 16
	return set[n/64]&(1<<(n%64)) != 0
}

// cached says whether the chunk at a waits in a thread's cache or a fastbin: it is free, though the
// chunk behind it does not say so.
func (s *seg) cached(a uint64) bool {
	s.view.findChunks()
	return s.chunks != nil && a >= s.firstChunk && a < s.chained && s.chunkBit(s.freed, a)
}

// mallocBlock tells whether a, which lies in s, is the start of memory handed out by glibc's
// malloc, or of what debug hooks hand out of that, and gives its size in bytes.
func (v *view) mallocBlock(s *seg, a uint64) (size uint64, ok bool) {
	if n, ok := v.hookedBlock(s, a); ok {
		return n, true
	}
	return v.plainBlock(s, a)
}

// plainBlock is mallocBlock without debug hooks. Where nothing else is known of the block, a header that fits
// its neighbour is what decides.
func (v *view) plainBlock(s *seg, a uint64) (size uint64, ok bool) {
	if !s.heap || a&15 != 0 || a < s.start+16 || a < s.own {
		return 0, false
	}
	if !s.isChunk(a-16) || s.cached(a-16) {
		return 0, false
	}
	w := s.word(a - 8)
	size = w &^ chunkFlags
	if size < minChunk || size&15 != 0 || size > s.end-(a-16) {
		return 0, false
	}
	if w&chunkMmapped != 0 {
		// Alone in its pages; the first word says how far from their start.
		return size - 16, (a-16-s.word(a-16))&4095 == 0 && size&4095 == 0
	}
	next := a - 16 + size
	if next == s.end {
		return size - 8, s.chunks == nil || a-16 != s.top // the rest of the heap is nobody's
	}
	if next+16 > s.end {
		return 0, false
	}
	n := s.word(next + 8)
	if n&chunkPrevInUse == 0 {
		return 0, false // this chunk is free
	}
	n &^= chunkFlags
	return size - 8, n >= 16 && n&15 == 0 && n <= maxTop && next+n <= s.end+4096
}
