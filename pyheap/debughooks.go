package pyheap

import (
	"encoding/binary"
	"math/bits"
)

// What PYTHONMALLOC=debug puts around the bytes asked for (_PyMem_DebugRawAlloc of Objects/obmalloc.c): before them their number, most
// significant byte first, a letter for the allocator and seven forbidden bytes; behind them eight more of those.
const (
	hookHead      = 16
	hookTail      = 8
	hookForbidden = 0xfdfdfdfdfdfdfd
)

// hooked says whether the blocks have those, by the first that are in use.
func (p *pools) hooked() bool {
	const enough = 64
	seen, like := 0, 0
	for i := range p.arenas {
		ar := &p.arenas[i]
		for j := 0; j < len(ar.pools) && seen < enough; j++ {
			pl := p.pool(ar, uint64(j))
			for k := uint64(0); k < pl.n && seen < enough; k++ {
				if pl.free[k>>6]>>(k&63)&1 != 0 {
					continue
				}
				seen++
				if w, ok := p.h.view.u64(pl.first + k*pl.size + 8); ok && w>>8 == hookForbidden {
					like++
				}
			}
		}
	}
	return seen > 0 && like > seen*3/4
}

// inside gives what of a block the program asked for.
func (p *pools) inside(start, size uint64) (uint64, uint64) {
	b, ok := p.h.view.bytes(start, hookHead)
	if !ok {
		return start, size
	}
	n := binary.BigEndian.Uint64(b)
	if n > size || n+hookHead+hookTail > size {
		return start, size
	}
	return start + hookHead, n
}

// maxHooks is how many of them lie around one block: what pymalloc leaves to malloc has those of both.
const maxHooks = 2

// isHook says whether the words of a debug hook are at a.
func (s *seg) isHook(a uint64) bool {
	return a >= s.start && s.end-a >= hookHead && s.word(a+8)>>8 == hookForbidden
}

// hookedPart gives how much of a block of malloc's, of that size, the outermost debug hook uses.
func (s *seg) hookedPart(block, size uint64) (uint64, bool) {
	if !s.isHook(block) {
		return 0, false
	}
	n := bits.ReverseBytes64(s.word(block))
	if n > size || n+hookHead+hookTail > size {
		return 0, false
	}
	return n + hookHead + hookTail, true
}

// userStart gives where what the program asked for begins in a block of malloc's.
func (s *seg) userStart(block uint64) uint64 {
	for i := 0; i < maxHooks && s.isHook(block); i++ {
		block += hookHead
	}
	return block
}

// hookedBlock says whether a is what a debug hook handed out of a block of malloc's, and how many bytes were asked for.
func (v *view) hookedBlock(s *seg, a uint64) (size uint64, ok bool) {
	for back := uint64(hookHead); back <= maxHooks*hookHead && a >= s.start+back && s.isHook(a-back); back += hookHead {
		room, ok := v.plainBlock(s, a-back)
		if !ok {
			continue
		}
		n := bits.ReverseBytes64(s.word(a - hookHead))
		return n, n <= room && n+back+hookTail <= room
	}
	return 0, false
}
