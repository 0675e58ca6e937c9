package freeze

import (
	"encoding/binary"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// words is the length of the state of a generator of the random module (Modules/_randommodule.c).
const words = 624

// twister is the type of what has such a state.
const twister = "_random.Random"

// Bounds of how often a generator is thought to have been turned over, each time giving 624
// numbers: one, and all together.
const maxTwists, allTwists = 4096, 200000

// mersenne is the state of the Mersenne twister.
type mersenne [words]uint32

// seeded returns the state that a key makes: init_by_array of Modules/_randommodule.c.
func seeded(key []uint32) (m mersenne) {
	m[0] = 19650218
	for i := uint32(1); i < words; i++ {
		m[i] = 1812433253*(m[i-1]^m[i-1]>>30) + i
	}
	i, j := 1, 0
	next := func() {
		if i++; i >= words {
			m[0], i = m[words-1], 1
		}
	}
	for range max(words, len(key)) {
		m[i] = (m[i] ^ (m[i-1]^m[i-1]>>30)*1664525) + key[j] + uint32(j)
		next()
		if j++; j >= len(key) {
			j = 0
		}
	}
	for range words - 1 {
		m[i] = (m[i] ^ (m[i-1]^m[i-1]>>30)*1566083941) - uint32(i)
		next()
	}
	m[0] = 0x80000000
	return m
}

// twist makes the state of the next 624 numbers: genrand_uint32.
func (m *mersenne) twist() {
	const far, upper, lower, mix = 397, 0x80000000, 0x7fffffff, 0x9908b0df
	for k := range m {
		y := m[k]&upper | m[(k+1)%words]&lower
		v := m[(k+far)%words] ^ y>>1
		if y&1 != 0 {
			v ^= mix
		}
		m[k] = v
	}
}

// stateOf returns what setstate() of a generator takes: its words, and how many are used up.
func stateOf(m *mersenne, mem *procmem.Space, at pyheap.Addr) []uint32 {
	index, err := mem.I32(at + 16) // behind PyObject
	if err != nil || index < 0 || index > words {
		return nil
	}
	return append(append([]uint32{}, m[:]...), uint32(index))
}

// findGenerators looks for the generators of the random module whose state comes from what the
// system gave as random: those that a program has seeded itself are to give the same numbers.
func (f *freezing) findGenerators() {
	r := f.o.Reads
	if r == nil || len(r.Random) == 0 {
		return
	}
	states := map[[4]uint32]bool{} // their first words tell them apart
	twists := min(maxTwists, allTwists/len(r.Random)+1)
	for _, b := range r.Random {
		key := make([]uint32, len(b)/4)
		for i := range key {
			key[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
		m := seeded(key)
		for range twists {
			states[[4]uint32(m[:4])] = true
			m.twist()
		}
	}
	// RandomObject has its state behind an int behind PyObject, in all versions.
	const at = 16 + 4
	own, missing := f.heap.Lookup("random._inst")
	for _, o := range f.walk.OfType(twister) {
		b, err := f.copy.Space.Bytes(o.Addr+at, 4*words)
		if err != nil {
			continue
		}
		var m mersenne
		for i := range m {
			m[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
		if states[[4]uint32(m[:4])] {
			f.generators = append(f.generators, uint64(o.Addr))
		} else if missing == nil && o.Addr == own {
			f.seeded = stateOf(&m, f.copy.Space, o.Addr)
		}
	}
}
