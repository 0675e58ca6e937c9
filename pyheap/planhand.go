package pyheap

// State that a library keeps to itself: its struct is declared only, or void *, for all who use the library, so
// that no DWARF of CPython's tells what it holds. Where a layout has not changed for many years, the words that
// lead to its buffers stand here. All its other words stay unknown.

// libraryState says which words of a library's state are the addresses of buffers without pointers.
type libraryState struct {
	name    string
	buffers []uint64 // offsets in bytes, ascending
}

// libraryStates are found by the field that points to them.
var libraryStates = map[string]*libraryState{
	// zlib 1.2.9 to 1.3. Of deflate_state (deflate.h): pending_buf, window, prev, head; of inflate_state
	// (inflate.h): window at 72. What the one has at an offset of the other is a small number.
	"z_stream_s.state": {"internal_state", []uint64{16, 72, 96, 112, 120}},
	// bzip2 1.0. Of EState (bzlib_private.h): arr1, arr2, ftab; of DState: tt, ll16, ll4.
	"bz_stream.state": {"bz_stream state", []uint64{24, 32, 40, 3152, 3160, 3168}},
}

// libraryPlan gives the plan of a library's state.
func (h *Heap) libraryPlan(s *libraryState) *plan {
	if p := h.libraryPlans[s]; p != nil {
		return p
	}
	rest := h.newPlan(&plan{name: "<words>", size: 8, words: []planWord{{kind: wordUnknown}}, state: planDone})
	end := s.buffers[len(s.buffers)-1] + 8
	p := &plan{name: s.name, size: end, tail: rest, first: end, state: planDone, opaque: true}
	for off, left := uint64(0), s.buffers; off < end; off += 8 {
		w := planWord{off: off, kind: wordUnknown}
		if len(left) > 0 && left[0] == off {
			w.kind, left = wordText, left[1:]
		}
		p.words = append(p.words, w)
	}
	h.libraryPlans[s] = h.newPlan(p)
	return p
}
