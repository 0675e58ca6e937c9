package pyheap

import "pyfreeze/symbols"

// Header is what is known of any object without a walk.
type Header struct {
	Addr     Addr
	Type     Addr
	TypeName string
	Size     uint64 // what sys.getsizeof says of builtin types
	Refs     int64  // references
	Immortal bool   // Refs means nothing: it is never freed (3.12 and later)
}

// Header reads the head of an object. It fails with an *ObjectError where there is none.
func (h *Heap) Header(obj Addr) (_ Header, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	a := uint64(obj)
	if !h.isObject(a) {
		return Header{}, &ObjectError{Addr: obj, Want: "a live object"}
	}
	t, err := h.typeOf(a)
	if err != nil {
		return Header{}, err
	}
	refs, _ := h.view.u64(a)
	out := Header{Addr: obj, Type: Addr(t.addr), TypeName: h.nameOf(t), Size: h.fullSize(a, t), Refs: int64(refs)}
	if h.atLeast(12) { // PEP 683: the sign bit of the lower half
		out.Immortal = int32(uint32(refs)) < 0
	}
	if h.atLeast(14) {
		out.Refs = int64(uint32(refs)) // flags above it
	}
	return out, nil
}

// StructOf gives the C struct of an object, of its type or of the nearest base that debug information
// describes, at the least PyObject, with the Layout that it belongs to; false where there is no object.
func (h *Heap) StructOf(obj Addr) (*symbols.Layout, symbols.TypeRef, bool) {
	defer h.begin(h.callLimit())()
	t, err := h.typeOf(uint64(obj))
	if err != nil {
		return nil, symbols.TypeRef{}, false
	}
	for i := 0; t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		p := h.structOf(t)
		if p == nil || p.lay == nil || p.st == nil {
			continue
		}
		return p.lay, p.lay.RefOf(p.st), true
	}
	r, err := h.lay.Type("PyObject")
	return h.lay, r, err == nil
}
