package pyheap

import (
	"math/bits"
	"slices"
)

// pools knows pymalloc's arenas: which blocks they are cut into and which of those are in use.
type pools struct {
	h        *Heap
	poolSize uint64

	arenaBytes uint64  // of one arena
	arenas     []arena // sorted by start
	lo, hi     uint64
	debug      bool // blocks have the words of debug hooks around what the program asked for
}

// arena is one arena; pools are carved from start up to end, the rest was never used.
type arena struct {
	address    uint64 // where its memory begins
	start, end uint64
	limit      uint64  // where the memory of the arena ends
	pools      []*pool // made when first asked for
}

// pool is one pool with a bitmap of its free blocks.
type pool struct {
	first     uint64 // address of block 0
	size      uint64 // of a block, bytes; 0 for a pool that holds none
	n         uint64 // blocks
	virgin    uint64 // those from this number on were never handed out
	reciproc  uint64 // 2^32/size rounded up, to divide by multiplying
	free      []uint64
	freeCount uint64
}

const (
	maxArenas      = 1 << 20
	blockAlignment = 16
	maxBlock       = 512
	maxPools       = 128 // of an arena
)

// newPools reads the table of arenas. A target that does not use pymalloc has none; that is no
// error.
func newPools(h *Heap) *pools {
	p := &pools{h: h, poolSize: 16 << 10, arenaBytes: 1 << 20}
	if !h.atLeast(10) { // bpo-37448 made them larger
		p.poolSize, p.arenaBytes = 4<<10, 256<<10
	}
	table, count, ok := p.arenaTable()
	if !ok {
		return p
	}
	o := &h.off.alloc
	for i := uint64(0); i < count; i++ {
		b, ok := h.view.bytes(table+i*o.arenaSize, o.arenaSize)
		if !ok {
			break
		}
		a, carved := le64(b, o.arenaAddress), le64(b, o.arenaPool)
		total := le32(b, o.arenaTotal)
		start := (a + p.poolSize - 1) &^ (p.poolSize - 1)
		bytes := p.arenaBytes
		if uint64(total) > bytes/p.poolSize && total <= maxPools {
			bytes *= 2 // 3.15 with --with-pymalloc-hugepages (gh-144319)
		}
		if a == 0 || carved <= start || carved-a > bytes || h.view.find(start) == nil {
			continue
		}
		p.arenas = append(p.arenas, arena{address: a, start: start, end: carved, limit: a + bytes,
			pools: make([]*pool, (carved-start)/p.poolSize)})
	}
	slices.SortFunc(p.arenas, func(a, b arena) int {
		if a.start < b.start {
			return -1
		}
		return 1
	})
	if n := len(p.arenas); n > 0 {
		p.lo, p.hi = p.arenas[0].start, p.arenas[n-1].end
	}
	p.debug = p.hooked()
	return p
}

// arenaTable finds the array of arena_objects: a static variable until 3.11, then part of the
// interpreter's obmalloc state, which 3.13 moved behind a pointer.
func (p *pools) arenaTable() (table, count uint64, ok bool) {
	h := p.h
	if a, found := h.symbol("arenas"); found {
		n, found := h.symbol("maxarenas")
		if !found {
			return 0, 0, false
		}
		table, ok = h.view.u64(a)
		c, ok2 := h.view.u32(n)
		return table, min(uint64(c), maxArenas), ok && ok2 && table != 0
	}
	r := &resolver{lay: h.lay}
	at := r.opt("PyInterpreterState.obmalloc")
	arenas := r.opt("_obmalloc_state.mgmt.arenas", "_mem_state.mgmt.arenas")
	maximum := r.opt("_obmalloc_state.mgmt.maxarenas", "_mem_state.mgmt.maxarenas")
	if at == absent || arenas == absent || maximum == absent {
		if h.lay.Shipped() && !h.atLeast(12) {
			return p.findArenaTable()
		}
		return 0, 0, false
	}
	state := h.main + at
	if h.atLeast(13) {
		if state, ok = h.view.u64(state); !ok || state == 0 {
			return 0, 0, false
		}
	}
	table, ok = h.view.u64(state + arenas)
	c, ok2 := h.view.u32(state + maximum)
	return table, min(uint64(c), maxArenas), ok && ok2 && table != 0
}

// arenaOf gives the arena that a lies in, or nil.
func (p *pools) arenaOf(a uint64) *arena {
	if a-p.lo >= p.hi-p.lo {
		return nil
	}
	lo, hi := 0, len(p.arenas)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if p.arenas[mid].start <= a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 || a >= p.arenas[lo-1].end {
		return nil
	}
	return &p.arenas[lo-1]
}

// block gives the block that a lies in. inArena says that a belongs to pymalloc at all; live, that
// the block is in use.
func (p *pools) block(a uint64) (start, size uint64, live, inArena bool) {
	ar := p.arenaOf(a)
	if ar == nil {
		return 0, 0, false, false
	}
	pl := p.pool(ar, (a-ar.start)/p.poolSize)
	if pl == nil || pl.size == 0 || a < pl.first {
		return 0, 0, false, true
	}
	i := (a - pl.first) * pl.reciproc >> 32
	if i >= pl.n {
		return 0, 0, false, true
	}
	start, size, live = pl.first+i*pl.size, pl.size, pl.free[i>>6]>>(i&63)&1 == 0
	if p.debug && live {
		start, size = p.inside(start, size)
	}
	return start, size, live, true
}

func (p *pools) pool(ar *arena, i uint64) *pool {
	if i >= uint64(len(ar.pools)) {
		return nil
	}
	if ar.pools[i] == nil {
		ar.pools[i] = p.readPool(ar.start + i*p.poolSize)
	}
	return ar.pools[i]
}

var noPool = &pool{}

// readPool reads a pool's header and its list of free blocks.
func (p *pools) readPool(a uint64) *pool {
	o := &p.h.off.alloc
	b, ok := p.h.view.bytes(a, p.poolSize)
	if !ok {
		return noPool
	}
	szidx, next := le32(b, o.poolSzidx), uint64(le32(b, o.poolNext))
	size := uint64(szidx+1) * blockAlignment
	if szidx >= maxBlock/blockAlignment {
		return noPool // never given a size
	}
	pl := &pool{first: a + o.poolHeader, size: size, n: (p.poolSize - o.poolHeader) / size}
	pl.reciproc = (1<<32 + size - 1) / size
	pl.free = make([]uint64, (pl.n+63)/64)
	// Blocks from nextoffset on were never handed out.
	virgin := pl.n
	if next >= o.poolHeader && next < p.poolSize {
		virgin = min(pl.n, (next-o.poolHeader+size-1)/size)
	}
	pl.virgin = virgin
	for i := virgin; i < pl.n; i++ {
		pl.free[i>>6] |= 1 << (i & 63)
	}
	for f := le64(b, o.poolFree); f >= pl.first && f < a+p.poolSize; {
		i := (f - pl.first) / size
		if i >= pl.n || pl.free[i>>6]>>(i&63)&1 != 0 || pl.first+i*size != f {
			break // the end, a loop, or not a block
		}
		pl.free[i>>6] |= 1 << (i & 63)
		f = le64(b, f-a)
	}
	for i := uint64(0); i < pl.n && le32(b, o.poolRef) == 0; i++ {
		pl.free[i>>6] |= 1 << (i & 63) // an empty pool, whose list stays for the next use with this size
	}
	for _, w := range pl.free {
		pl.freeCount += uint64(bits.OnesCount64(w))
	}
	return pl
}

// eachLive calls fn with every block in use.
func (p *pools) eachLive(fn func(start, size uint64)) {
	for i := range p.arenas {
		ar := &p.arenas[i]
		for j := range ar.pools {
			pl := p.pool(ar, uint64(j))
			for k := uint64(0); k < pl.n; k++ {
				if pl.free[k>>6]>>(k&63)&1 == 0 {
					start, size := pl.first+k*pl.size, pl.size
					if p.debug {
						start, size = p.inside(start, size)
					}
					fn(start, size)
				}
			}
		}
	}
}
