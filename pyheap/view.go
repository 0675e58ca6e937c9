package pyheap

import (
	"encoding/binary"

	"pyfreeze/procmem"
)

// seg is a piece of known memory.
type seg struct {
	start, end uint64
	fileEnd    uint64 // where the file mapping ends and the .bss joined to it begins
	data       []byte
	path       string
	write      bool
	exec       bool
	shared     bool   // others may have it, too: no data of a file that is followed by a .bss
	heap       bool   // private anonymous writable memory, where an allocator may have blocks
	own        uint64 // up to there it is a file's own data and .bss, where none has
	index      int    // in view.segs
	view       *view
	src        *procmem.Segment // nil where data is complete

	chunks     []uint64 // starts of malloc's chunks, see chunkChain; nil where no chain begins here
	freed      []uint64 // those of them that are in caches of free chunks, in the same form
	fast       []uint64 // and those of these that are in fastbins
	firstChunk uint64   // where the chain begins
	chained    uint64   // and how far it is known
	top        uint64   // its last chunk
}

// view finds the segment of an address in a few nanoseconds, however many segments there are. The
// walk asks for millions, so the address space is cut into granules, and a table gives for each
// granule the first segment that touches it.
type view struct {
	segs   []seg
	lo, hi uint64
	shift  uint
	mask   uint64
	ready  bool     // chunks and arenas are known: see findChunks
	keys   []uint64 // granule number + 1; 0 is an empty slot
	first  []uint32
}

const (
	granuleShift = 20      // 1 MiB
	maxGranules  = 1 << 17 // the granule grows until the table has fewer entries than this
	maxJoin      = 1 << 28 // a .bss larger than this is not worth a copy
)

func newView(sp *procmem.Space) *view {
	src := sp.Segments()
	v := &view{segs: make([]seg, 0, len(src)), shift: granuleShift}
	for i := range src {
		s := &src[i]
		if len(s.Data) == 0 {
			continue
		}
		add := seg{
			start: uint64(s.Start), end: uint64(s.Start) + uint64(len(s.Data)), data: s.Data,
			path: s.Path, write: s.Write, exec: s.Exec, shared: s.Shared,
			heap: s.Write && !s.Shared && (s.Path == "" || s.Path == "[heap]"),
		}
		if s.Lazy() {
			add.src = s
		}
		v.add(add)
	}
	if n := len(v.segs); n > 0 {
		v.lo, v.hi = v.segs[0].start, v.segs[n-1].end
	}
	for i := range v.segs {
		v.segs[i].view = v
	}
	v.index()
	return v
}

// add appends the next segment in address order. A .bss is joined to its .data, since a static
// object may lie across the end of the file mapping.
func (v *view) add(s seg) {
	if n := len(v.segs); n > 0 {
		p := &v.segs[n-1]
		isBSS := p.end == s.start && p.write && !p.shared && s.write && !p.heap && s.heap && s.path == ""
		if isBSS && len(p.data)+len(s.data) <= maxJoin {
			p.have(p.start, uint64(len(p.data)))
			s.have(s.start, uint64(len(s.data)))
			p.src = nil
			p.data = append(append(make([]byte, 0, len(p.data)+len(s.data)), p.data...), s.data...)
			p.end, p.heap, p.fileEnd = s.end, true, s.start
			return
		}
	}
	s.fileEnd, s.index = s.end, len(v.segs)
	v.segs = append(v.segs, s)
}

func (v *view) index() {
	count := func() (n uint64) {
		for i := range v.segs {
			n += (v.segs[i].end-1)>>v.shift - v.segs[i].start>>v.shift + 1
		}
		return n
	}
	n := count()
	for n > maxGranules && v.shift < 47 {
		v.shift++
		n = count()
	}
	size := uint64(16)
	for size < 2*n {
		size <<= 1
	}
	v.mask = size - 1
	v.keys, v.first = make([]uint64, size), make([]uint32, size)
	for i := range v.segs {
		for g := v.segs[i].start >> v.shift; g <= (v.segs[i].end-1)>>v.shift; g++ {
			slot := v.slot(g)
			for v.keys[slot] != 0 && v.keys[slot] != g+1 {
				slot = (slot + 1) & v.mask
			}
			if v.keys[slot] == 0 {
				v.keys[slot], v.first[slot] = g+1, uint32(i)
			}
		}
	}
}

func (v *view) slot(granule uint64) uint64 { return (granule * 0x9e3779b97f4a7c15 >> 20) & v.mask }

// have makes n bytes from a on those of the target, where they are read only when they are asked
// for.
func (s *seg) have(a, n uint64) {
	if s.src != nil {
		s.src.Have(a-s.start, n)
	}
}

// word reads the word at a, which lies in s with all of its bytes.
func (s *seg) word(a uint64) uint64 {
	s.have(a, 8)
	return le64(s.data, a-s.start)
}

// peek reads two words at a of memory that is otherwise of no interest.
func (s *seg) peek(a uint64) (first, second uint64) {
	if s.src == nil {
		return le64(s.data, a-s.start), le64(s.data, a+8-s.start)
	}
	b := s.src.Peek(a - s.start)
	return le64(b[:], 0), le64(b[:], 8)
}

// find gives the segment that contains a, or nil.
func (v *view) find(a uint64) *seg {
	if a-v.lo >= v.hi-v.lo {
		return nil
	}
	g := a >> v.shift
	slot := v.slot(g)
	for v.keys[slot] != g+1 {
		if v.keys[slot] == 0 {
			return nil
		}
		slot = (slot + 1) & v.mask
	}
	for i := int(v.first[slot]); i < len(v.segs); i++ {
		s := &v.segs[i]
		if a < s.start {
			return nil
		}
		if a < s.end {
			return s
		}
	}
	return nil
}

// bytes gives the n bytes at a without copying; false where they are not all in one segment.
func (v *view) bytes(a, n uint64) ([]byte, bool) {
	s := v.find(a)
	if s == nil || n > s.end-a {
		return nil, false
	}
	off := a - s.start
	s.have(a, n)
	return s.data[off : off+n : off+n], true
}

// clip gives up to n bytes at a: what of them lies in its segment.
func (v *view) clip(a, n uint64) []byte {
	s := v.find(a)
	if s == nil {
		return nil
	}
	off := a - s.start
	s.have(a, n)
	return s.data[off : off+min(n, s.end-a)]
}

func (v *view) u64(a uint64) (uint64, bool) {
	b, ok := v.bytes(a, 8)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b), true
}

func (v *view) u32(a uint64) (uint32, bool) {
	b, ok := v.bytes(a, 4)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b), true
}

func (v *view) u8(a uint64) (uint8, bool) {
	b, ok := v.bytes(a, 1)
	if !ok {
		return 0, false
	}
	return b[0], true
}

// cstring reads a NUL-terminated string of at most limit bytes.
func (v *view) cstring(a uint64, limit int) (string, bool) {
	b := v.clip(a, uint64(limit)+1)
	for i, c := range b {
		if c == 0 {
			return string(b[:i]), true
		}
	}
	return "", false
}

// total is the number of bytes of known memory.
func (v *view) total() (n uint64) {
	for i := range v.segs {
		n += v.segs[i].end - v.segs[i].start
	}
	return n
}

func le64(b []byte, off uint64) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
func le32(b []byte, off uint64) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
