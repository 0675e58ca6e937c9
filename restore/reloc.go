package restore

import (
	"fmt"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// relocations are the words of frozen memory that a thaw must change because
// they point into libraries that move.
type relocations struct {
	words   []uint64    // address | library index << 48
	filters [3][]uint64 // addresses of words that hold libc's free, realloc, malloc_usable_size
	known   map[string]int
	guesses []Guess
}

// Guess is a word that a thaw relocates only because it looks like a pointer into a library that moves.
type Guess struct {
	Addr  uint64 `json:"addr"`
	Value uint64 `json:"value"`
	Into  string `json:"into"`  // the library
	To    string `json:"to"`    // its symbol, or offset
	Owner string `json:"owner"` // what the word belongs to, as far as is known
}

// wordKnower tells what words hold (pyheap.Walk).
type wordKnower interface {
	IsData(procmem.Addr) bool
	Word(procmem.Addr) pyheap.WordInfo
}

// findRelocations looks at every aligned word of frozen memory. The libraries
// that move cover a few megabytes of 2^47: a word that points there and is
// not inside the payload of a string, number or the like is a pointer.
//
// Less rare is memory that nobody has cleared: remains.
//
// linked are the words that an ELF relocation describes: they are pointers, whatever else may be thought of them.
func findRelocations(f *frozen, libs []library, filtered [3]uint64, keep map[procmem.Addr]bool, data wordKnower, dead []pyheap.Dead, linked map[procmem.Addr]bool) relocations {
	r := relocations{known: map[string]int{}}
	type moving struct{ lo, hi, idx uint64 }
	var mv []moving
	lo, hi := ^uint64(0), uint64(0)
	for i, l := range libs {
		if !l.Fixed {
			mv = append(mv, moving{l.Base, l.Base + l.Span, uint64(i)})
			lo, hi = min(lo, l.Base), max(hi, l.Base+l.Span)
		}
	}
	ends := map[procmem.Addr]bool{}
	for i := range f.segs {
		ends[f.segs[i].End] = true
	}
	var bins procmem.Range
	for _, l := range libs {
		if lr := (procmem.Range{Start: procmem.Addr(l.Base), End: procmem.Addr(l.Base + l.Span)}); !l.Fixed && bins.Len() == 0 {
			bins = arenaBins(f, dead, lr)
		}
	}
	for i := range f.segs {
		s := &f.segs[i]
		if s.inspectOnly || s.Class == procmem.ClassStack {
			continue
		}
		first := (8 - uint64(s.Start)%8) % 8
		for off := first; off+8 <= uint64(len(s.Data)); off += 8 {
			v := le.Uint64(s.Data[off:])
			if v < lo || v >= hi {
				continue
			}
			for _, m := range mv {
				if v < m.lo || v >= m.hi {
					continue
				}
				at := s.Start + procmem.Addr(off)
				if keep[at] {
					break
				}
				info := pyheap.WordInfo{How: "ELF relocation"}
				if !linked[at] {
					if v == m.lo && ends[procmem.Addr(v)] {
						break // the end of the memory before the library (arena_object.pool_address, say), not its ELF header
					}
					if bins.Contains(procmem.Addr(v)) || withinDead(dead, at) || data.IsData(at) {
						break
					}
					info = data.Word(at)
				}
				if info.Kind == pyheap.WordData || info.How == "" && remains(s, off, bins) {
					break
				}
				if info.How != "" {
					r.known[info.How]++
				} else {
					r.guesses = append(r.guesses, Guess{Addr: uint64(at), Value: v, Into: libs[m.idx].Name, Owner: info.Owner})
				}
				if which := indexOf(filtered, v); which >= 0 {
					r.filters[which] = append(r.filters[which], uint64(at))
				} else {
					r.words = append(r.words, uint64(at)|m.idx<<48)
				}
				break
			}
		}
	}
	return r
}

func indexOf(a [3]uint64, v uint64) int {
	for i, x := range a {
		if x == v && x != 0 {
			return i
		}
	}
	return -1
}

// unalignedLink looks for a pointer that ELF relocations put at an odd place, where findRelocations does not look, and that would
// have to be changed. Compilers make none; a packed struct could.
func unalignedLink(f *frozen, libs []library, linked map[procmem.Addr]bool) error {
	for at := range linked {
		if at%8 == 0 {
			continue
		}
		v, err := f.peek64(at)
		if err != nil {
			continue // not frozen
		}
		for _, l := range libs {
			if !l.Fixed && v >= l.Base && v < l.Base+l.Span {
				return fmt.Errorf("the pointer at %v into %s is not aligned, and could not be relocated", at, l.Name)
			}
		}
	}
	return nil
}
