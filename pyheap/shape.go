package pyheap

import (
	"cmp"
	"fmt"
	"slices"

	"pyfreeze/symbols"
)

// shape says where the pointers of a type's objects are: in its C struct, in its base's, in the slots
// that a Python class adds.
type shape struct {
	words []planWord // by offset, from behind ob_type up to tp_basicsize
	tail  *plan      // what the variable part consists of, if tailKnown; nil: no pointers
	own   *plan      // the C struct; nil where only a base's is known, or none

	tailKnown bool
	known     bool // all of it is known; else some words are there only because they lie in the object
}

// shapeOf gives the shape of a type's objects, which is found out once.
func (h *Heap) shapeOf(t *typeInfo) *shape {
	if t.shape != nil {
		return t.shape
	}
	t.shape = &shape{} // before the bases, so that a loop among them ends
	s := &shape{known: true}
	end := h.off.objectSize
	if t.base != nil && t.base.basicsize == t.basicsize && t.base.kind == t.kind {
		*s = *h.shapeOf(t.base)
		s.words = slices.Clone(s.words)
		end = t.basicsize
	} else if p := h.structOf(t); p != nil {
		s.own = h.compiled(p)
		s.words = slices.DeleteFunc(slices.Clone(s.own.words), func(w planWord) bool { return w.off < h.off.objectSize || w.off+8 > t.basicsize })
		s.tail, s.tailKnown = s.own.tail, h.flexibleOf(s.own, t)
		end = max(end, p.size&^7)
	} else if t.base != nil && t.base.basicsize <= t.basicsize {
		b := h.shapeOf(t.base)
		s.words, s.known = slices.Clone(b.words), b.known
		end = t.base.basicsize
	}
	for off := (end + 7) &^ 7; off+8 <= t.basicsize; off += 8 {
		w := planWord{off: off, kind: wordSlot}
		if !h.isMember(t, off) {
			w.kind, s.known = wordUnknown, false
		}
		s.words = append(s.words, w)
	}
	for i := range s.words {
		if s.words[i].off == t.weaklist {
			s.words[i] = planWord{off: t.weaklist, kind: wordForeign} // borrowed
		}
	}
	h.shapeCData(t, s)
	slices.SortFunc(s.words, func(a, b planWord) int { return cmp.Compare(a.off, b.off) })
	t.shape = s
	return s
}

// flexibleOf says whether the items of t are the flexible array of its struct, or none.
func (h *Heap) flexibleOf(p *plan, t *typeInfo) bool {
	if t.itemsize == 0 {
		return true
	}
	n := len(p.st.Fields)
	if n == 0 {
		return false
	}
	f := &p.st.Fields[n-1]
	return f.Type.Kind == symbols.KindArray && f.Type.Elem != nil && f.Type.Elem.Size == t.itemsize
}

// isMember says whether an object pointer that Python code knows of lies at that offset: a slot, the
// instance's dict, its list of weakrefs.
func (h *Heap) isMember(t *typeInfo, off uint64) bool {
	for b, i := t, 0; b != nil && i < maxBaseDepth; b, i = b.base, i+1 {
		if off == b.weaklist || b.dictOff > 0 && off == uint64(b.dictOff) || h.memberAt(b, off) != "" {
			return true
		}
	}
	return false
}

// scanObject passes on what the words of [from, to) of the object at a, of type t, point to.
func (h *Heap) scanObject(v visitor, a uint64, t *typeInfo, from, to uint64) {
	s := h.shapeOf(t)
	b := h.view.clip(a, min(to, t.basicsize))
	h.work += uint64(len(s.words))
	for i := range s.words {
		w := &s.words[i]
		if w.off < from || w.off+8 > uint64(len(b)) {
			continue
		}
		if p := le64(b, w.off); p != 0 {
			h.word(v, w, p, w.off)
		}
	}
	if t.dictOff < 0 { // counted from the end of the items
		at := h.ownSize(a, t) + uint64(t.dictOff)
		if p, ok := h.view.u64(a + at); ok && p != 0 && at >= from && at+8 <= to {
			v.edge(edgeDeclared, p, at)
		}
	}
	if to <= t.basicsize || t.itemsize == 0 {
		return
	}
	start := max(from, t.basicsize)
	switch {
	case !s.tailKnown:
		h.scanRange(v, a, start, to, nil)
	case s.tail != nil:
		h.visitPlan(v, a+start, to-start, s.tail)
	}
}

// word passes on what one word points to; p is its value, arg its offset in whatever has it.
func (h *Heap) word(v visitor, w *planWord, p, arg uint64) {
	switch w.kind {
	case wordObject:
		v.edge(edgeDeclared, p, arg)
	case wordSlot:
		v.edge(edgeField, p, arg)
	case wordStruct:
		if at, size, ok := h.ownBlock(p); ok {
			v.block(planBlock(w.to), at, size)
		}
	case wordText:
		if at, size, ok := h.ownBlock(p); ok {
			v.block(blockData, at, size)
		}
	case wordUnknown:
		if p-h.view.lo < h.view.hi-h.view.lo && p&7 == 0 {
			v.edge(edgeWord, p, arg)
		}
	}
}

// ownBlock gives the allocator's block that begins at p, unless an object lies there. A pointer into another
// block owns nothing.
func (h *Heap) ownBlock(p uint64) (at, size uint64, ok bool) {
	s := h.view.find(p)
	if s == nil || !s.heap || p&7 != 0 {
		return 0, 0, false
	}
	start, size, live, inArena := h.alloc.block(p)
	if !inArena {
		start = p
		size, live = h.view.mallocBlock(s, p)
	}
	return p, size, live && start == p && !h.holdsObject(s, p, size)
}

// visitPlan passes on what the structs in a block of that size point to.
func (h *Heap) visitPlan(v visitor, at, size uint64, p *plan) {
	p = h.compiled(p)
	b := h.view.clip(at, size)
	n := uint64(len(b)) / max(p.size, 1)
	if n == 0 || p.tail != nil {
		n = 1
	}
	h.work += n * uint64(len(p.words)+1)
	for i := uint64(0); i < n && len(p.words) > 0; i++ {
		base := i * p.size
		for j := range p.words {
			w := &p.words[j]
			if base+w.off+8 > uint64(len(b)) {
				break
			}
			if q := le64(b, base+w.off); q != 0 {
				h.word(v, w, q, base+w.off)
			}
		}
	}
	if p.tail != nil && p.tail != p && p.first < uint64(len(b)) {
		h.visitPlan(v, at+p.first, uint64(len(b))-p.first, p.tail)
	}
}

// planField names the word at that offset of a block of structs.
func (h *Heap) planField(p *plan, off uint64) string {
	if p.st == nil || off >= p.size {
		return fmt.Sprintf("[%d]", off/max(p.size, 1))
	}
	return fieldOf(p.lay, p.st, off)
}
