package pyheap

import "math/bits"

// marks remembers where nodes start: a node is an object or a block that belongs to one. One bit for
// each 8 bytes of memory, so that testing and setting cost a few nanoseconds and no table of
// addresses is needed.
type marks struct {
	bits [][]uint64 // by segment; nil until its first mark
	rank [][]uint32 // nodes before each word of bits; made when the walk ends
}

func newMarks(v *view) *marks { return &marks{bits: make([][]uint64, len(v.segs))} }

// has says whether a node starts at a, which lies in s.
func (m *marks) has(s *seg, a uint64) bool {
	b, i := m.bits[s.index], (a-s.start)>>3
	return b != nil && b[i>>6]>>(i&63)&1 != 0
}

// set notes that a node starts at a.
func (m *marks) set(s *seg, a uint64) {
	b := m.bits[s.index]
	if b == nil {
		b = make([]uint64, (s.end-s.start+511)/512)
		m.bits[s.index] = b
	}
	i := (a - s.start) >> 3
	b[i>>6] |= 1 << (i & 63)
}

// finish numbers the nodes in the order of their addresses and returns how many there are.
func (m *marks) finish() int {
	n := uint32(0)
	m.rank = make([][]uint32, len(m.bits))
	for i, b := range m.bits {
		if b == nil {
			continue
		}
		r := make([]uint32, len(b))
		for j, w := range b {
			r[j] = n
			n += uint32(bits.OnesCount64(w))
		}
		m.rank[i] = r
	}
	return int(n)
}

// before gives the number of the last node of the segment that starts at or before a.
func (m *marks) before(s *seg, a uint64) (int, bool) {
	b := m.bits[s.index]
	if b == nil {
		return 0, false
	}
	i, r := (a-s.start)>>3, m.rank[s.index]
	n := r[i>>6] + uint32(bits.OnesCount64(b[i>>6]<<(63-i&63)))
	if n == r[0] {
		return 0, false
	}
	return int(n - 1), true
}
