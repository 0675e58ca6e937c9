package pyheap

import (
	"slices"

	"pyfreeze/symbols"
)

// Which words of an object are read conservatively. The C struct of its type, where it is known, says
// of some that they never refer to an object: strings and functions. A string's block is data, however
// much looks like a pointer in what an earlier owner left behind its end.

// skips gives the offsets, sorted, of the words that a scan of t's objects leaves out: the list of
// weakrefs, strings and functions. texts are those of the strings.
func (h *Heap) skips(t *typeInfo) (skip, texts []uint64) {
	if t.scanned {
		return t.skip, t.texts
	}
	t.scanned = true // before the bases, so that a loop among them ends
	for b, i := t, 0; b != nil && i < maxBaseDepth; b, i = b.base, i+1 {
		st, err := h.lay.Struct(h.structName(b))
		if err != nil || st.Size < b.basicsize&^7 || st.Size > b.basicsize+8 {
			continue
		}
		h.eachPlain(st, 0, 0, func(off uint64, text bool) {
			t.skip = append(t.skip, off)
			if text {
				t.texts = append(t.texts, off)
			}
		})
		break
	}
	if t.weaklist != absent {
		t.skip = append(t.skip, t.weaklist)
	}
	slices.Sort(t.skip)
	return t.skip, t.texts
}

// eachPlain calls fn with the offset of each member that points to characters or to a function, also
// inside nested structs. Unions are left out: another member of theirs may be an object.
func (h *Heap) eachPlain(st *symbols.Struct, at uint64, depth int, fn func(off uint64, text bool)) {
	for i := range st.Fields {
		f := &st.Fields[i]
		switch {
		case f.Type.Kind == symbols.KindStruct && depth < maxStructDepth:
			if inner, err := h.lay.StructOf(f.Type); err == nil {
				h.eachPlain(inner, at+f.Offset, depth+1, fn)
			}
		case f.Type.Kind != symbols.KindPointer || f.Type.Elem == nil:
		case f.Type.Elem.Kind == symbols.KindFunc:
			fn(at+f.Offset, false)
		case f.Type.Elem.Size == 1 && f.Type.Elem.String() == "char":
			fn(at+f.Offset, true)
		}
	}
}

// scanObject passes on the words of [from, to) of the object at a, of type t, that may be pointers.
func (h *Heap) scanObject(v visitor, a uint64, t *typeInfo, from, to uint64) {
	skip, texts := h.skips(t)
	for _, off := range texts {
		if off >= from && off+8 <= to {
			h.text(v, a+off)
		}
	}
	h.scanRange(v, a, from, to, skip)
}

// text notes the block of the string that the word at a points to. A string inside another block is
// that one's.
func (h *Heap) text(v visitor, a uint64) {
	p, ok := h.view.u64(a)
	if !ok || p == 0 {
		return
	}
	s := h.view.find(p)
	if s == nil || !s.heap {
		return
	}
	start, size, live, inArena := h.alloc.block(p)
	if !inArena {
		start = p
		size, live = h.view.mallocBlock(s, p)
	}
	if live && start == p && !h.holdsObject(s, p) {
		v.block(blockData, p, size)
	}
}
