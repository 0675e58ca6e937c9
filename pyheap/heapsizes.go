package pyheap

// Sizes is what each object of a walk takes, counted once: with the blocks that it owns, whether
// sys.getsizeof knows of them or not (inline values, buffers that an extension has allocated), and
// without those that it shares with an object found before.
type Sizes struct {
	w    *Walk
	self []uint64 // by node: what lies in it alone
	full []uint64 // by node: with the blocks below it

	moved map[int]uint64 // sizes of buffers that are counted to what has them, and of these as less
}

// folded are types that keep their contents in an object that only they have, by the field.
var folded = map[string]string{
	"_io.BytesIO": "buf", // until others ask for it (getvalue), as sys.getsizeof counts
}

const rounding = 16 // the granularity of pymalloc, and of malloc

// Sizes measures all objects.
func (w *Walk) Sizes() *Sizes {
	h := w.h
	defer h.begin(h.walkLimit())()
	s := &Sizes{w: w, self: make([]uint64, len(w.nodes)), full: make([]uint64, len(w.nodes)),
		moved: map[int]uint64{}}
	for i := len(w.nodes) - 1; i >= 0; i-- { // what a block lies below was found before it
		n := &w.nodes[i]
		if !n.isBlock() {
			t := h.list[n.typ]
			size, own := h.fullSize(n.addr, t), h.before(t)+h.ownSize(n.addr, t)
			// What the allocator rounds up is nobody's where Python knows what was asked for.
			if all := own + s.full[i]; size <= own || all >= size+rounding {
				size = max(size, all)
			}
			s.self[i], s.full[i] = size-s.full[i], size
			continue
		}
		if n.parent >= 0 && w.within(n, &w.nodes[n.parent]) {
			continue
		}
		s.self[i] = n.size
		s.full[i] += n.size
		if n.parent >= 0 {
			s.full[n.parent] += s.full[i]
		}
	}
	s.fold()
	return s
}

// within says whether a block lies in the memory of its owner, as inline values do from 3.13 on.
func (w *Walk) within(n, owner *node) bool {
	if owner.isBlock() || n.addr < owner.addr {
		return false
	}
	return n.addr-owner.addr < w.h.ownSize(owner.addr, w.h.list[owner.typ])
}

// fold counts the buffers that are objects to the objects that alone have them.
func (s *Sizes) fold() {
	h := s.w.h
	for i := range s.w.nodes {
		n := &s.w.nodes[i]
		if n.isBlock() {
			continue
		}
		t := h.list[n.typ]
		field := ""
		for b, d := t, 0; b != nil && d < maxBaseDepth && field == ""; b, d = b.base, d+1 {
			if b.flags&flagHeapType == 0 || h.atLeast(12) { // types of C code: static until 3.12
				field = folded[h.nameOf(b)]
			}
		}
		if field == "" {
			continue
		}
		buf, _ := h.number(n.addr, t, field)
		refs, _ := h.view.u32(buf)
		if j, ok := s.w.exactly(buf); ok && refs == 1 && !s.w.nodes[j].isBlock() {
			s.moved[j], s.moved[i] = s.self[j], -s.self[j] // fullSize has it already
			s.self[j], s.full[j] = 0, 0
		}
	}
}

// Of gives the size of the object that starts at a, 0 where there is none.
func (s *Sizes) Of(a Addr) uint64 {
	i, ok := s.w.exactly(uint64(a))
	if !ok || s.w.nodes[i].isBlock() {
		return 0
	}
	return s.full[i]
}

// alone gives what lies in a node, wherever it is counted.
func (s *Sizes) alone(i int) uint64 { return s.self[i] + s.moved[i] }

// owner gives the object that a block belongs to, itself for an object; -1 for a block of none.
func (s *Sizes) owner(i int) int {
	for i >= 0 && s.w.nodes[i].isBlock() {
		i = int(s.w.nodes[i].parent)
	}
	return max(i, -1)
}
