package pyheap

// Attr finds an attribute as far as that needs no code to run: in the instance (its __dict__, inline
// values, __slots__ and the members of C structs), in a module's dict, then along the __mro__ of the
// type; for a type, along its own __mro__ first. A property or method is given as it is stored, not
// called or bound.
func (h *Heap) Attr(obj Addr, name string) (Addr, error) {
	defer h.begin(h.callLimit())()
	a := uint64(obj)
	t, err := h.typeOf(a)
	if err != nil {
		return 0, err
	}
	if name == "__class__" {
		return Addr(t.addr), nil
	}
	if v, ok := h.instanceAttr(a, t, name); ok {
		return Addr(v), nil
	}
	if _, values := h.managed(a, t); values != 0 && name == "__dict__" {
		return 0, &ObjectError{Addr: obj, Want: "an object with a __dict__ yet: its attributes are kept inline; name them without it"}
	}
	if t.kind == kindType {
		if v, ok := h.typeField(a, name); ok {
			return Addr(v), nil
		}
		if v, ok := h.mroAttr(a, name); ok {
			return Addr(v), nil
		}
	}
	if v, ok := h.memberAttr(a, t, name); ok {
		return Addr(v), nil
	}
	if v, ok := h.mroAttr(t.addr, name); ok {
		return Addr(v), nil
	}
	return 0, &ObjectError{Addr: obj, Want: "an object with attribute " + quote(name), Err: errNoSuchAttr}
}

// Member finds an attribute that is a member of the object's C struct, by the name that Python or C has
// for it, and no other attribute of that name.
func (h *Heap) Member(obj Addr, name string) (Addr, bool) {
	defer h.begin(h.callLimit())()
	t, err := h.typeOf(uint64(obj))
	if err != nil {
		return 0, false
	}
	v, ok := h.memberAttr(uint64(obj), t, name)
	return Addr(v), ok
}

// Dict gives the dict that holds an object's attributes: __dict__ of an instance that has one, of a
// module, of a type. 0 when it has none or keeps its attributes inline.
func (h *Heap) Dict(obj Addr) Addr {
	t, err := h.typeOf(uint64(obj))
	if err != nil {
		return 0
	}
	return Addr(h.instanceDict(uint64(obj), t))
}

func (h *Heap) instanceDict(a uint64, t *typeInfo) uint64 {
	switch {
	case t.kind == kindType:
		return h.typeDict(a)
	case t.flags&flagManagedDict != 0:
		d, _ := h.managed(a, t)
		return d
	case t.kind == kindModule:
		d, _ := h.view.u64(a + h.off.module.dict)
		return d
	case t.dictOff > 0:
		d, _ := h.view.u64(a + uint64(t.dictOff))
		return d
	case t.dictOff < 0:
		d, _ := h.view.u64(a + h.ownSize(a, t) + uint64(t.dictOff))
		return d
	}
	return 0
}

func (h *Heap) instanceAttr(a uint64, t *typeInfo, name string) (uint64, bool) {
	if t.kind == kindType {
		return 0, false // its dict is the first of its __mro__
	}
	d := h.instanceDict(a, t)
	if name == "__dict__" && d != 0 {
		return d, true
	}
	if v, ok := h.dictGet(d, name); ok {
		return v, true
	}
	_, values := h.managed(a, t)
	if values == 0 {
		return 0, false
	}
	f := attrFinder{h: h, name: name}
	h.visitManaged(&f, a, t)
	return f.value, f.value != 0
}

// typeField gives what Python reads out of the struct of a type: 3.12 and later no longer describe these
// fields as members.
func (h *Heap) typeField(a uint64, name string) (uint64, bool) {
	off := map[string]uint64{"__mro__": h.off.typ.mro, "__base__": h.off.typ.base}[name]
	if name == "__bases__" {
		off = (&resolver{lay: h.lay}).opt("PyTypeObject.tp_bases")
	}
	if off == 0 || off == absent {
		return 0, false
	}
	v, _ := h.view.u64(a + off)
	return v, h.isObject(v)
}

// attrFinder picks one inline value by its name.
type attrFinder struct {
	h     *Heap
	name  string
	value uint64
}

func (f *attrFinder) edge(k edgeKind, to, arg uint64) {
	if k == edgeAttr && f.value == 0 && f.h.strEqual(arg, f.name) {
		f.value = to
	}
}
func (f *attrFinder) block(blockKind, uint64, uint64) {}
func (f *attrFinder) wantType(*typeInfo) bool         { return false }

// mroAttr looks for a name in the dicts of a type's __mro__.
func (h *Heap) mroAttr(t uint64, name string) (uint64, bool) {
	mro, _ := h.view.u64(t + h.off.typ.mro)
	items, err := h.TupleItems(Addr(mro), maxBaseDepth)
	if err != nil {
		return h.dictGet(h.typeDict(t), name)
	}
	for _, c := range items {
		if h.typeAt(uint64(c)) == nil {
			continue
		}
		if v, ok := h.dictGet(h.typeDict(uint64(c)), name); ok {
			return v, true
		}
	}
	return 0, false
}

// memberAttr looks among the __slots__ and the members of the C structs of the type and its bases.
func (h *Heap) memberAttr(a uint64, t *typeInfo, name string) (uint64, bool) {
	for i := 0; t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		off, ok := h.memberOffset(t, name)
		if !ok {
			off, ok = h.structOffset(t, name)
		}
		if !ok || off+8 > t.basicsize {
			continue
		}
		if v, ok := h.view.u64(a + off); ok && v != 0 {
			if s := h.view.find(v); s != nil && h.objectIn(s, v) != nil {
				return v, true
			}
		}
	}
	return 0, false
}

// memberOffset finds the PyMemberDef of an object slot by name.
func (h *Heap) memberOffset(t *typeInfo, name string) (uint64, bool) {
	o := &h.off.typ
	p, _ := h.view.u64(t.addr + o.members)
	for i := uint64(0); p != 0 && i < maxMembers; i++ {
		b, ok := h.view.bytes(p+i*o.memberSize, o.memberSize)
		if !ok || le64(b, o.memberName) == 0 {
			break
		}
		kind := le32(b, o.memberType)
		if kind != memberObject && kind != memberObjectEx {
			continue
		}
		if n, _ := h.view.cstring(le64(b, o.memberName), maxName); n == name {
			return le64(b, o.memberOffset), true
		}
	}
	return 0, false
}

// structOffset finds a member of the C struct of a type by its name in C or in Python.
func (h *Heap) structOffset(t *typeInfo, name string) (uint64, bool) {
	p := h.shapeOf(t).own
	if p == nil {
		return 0, false
	}
	for i := range p.st.Fields {
		f := &p.st.Fields[i]
		if (f.Name == name || pythonName(p.st, f.Name) == name) && f.Size == 8 {
			return f.Offset, true
		}
	}
	return 0, false
}
