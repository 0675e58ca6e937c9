package pyheap

import "strings"

// Attribute is what an object stores under a name.
type Attribute struct {
	Name  string
	Value Addr
	From  AttrFrom
}

// AttrFrom says where an attribute is stored.
type AttrFrom string

// The places of attributes. Those of the type that Python finds through the instance are not among them.
const (
	FromDict   AttrFrom = "dict"   // __dict__
	FromInline AttrFrom = "inline" // inline values (3.11 and later)
	FromSlot   AttrFrom = "slot"   // a member: __slots__, or declared by C code
)

// Attributes gives up to limit attributes that the object itself stores, all if limit < 0: of its
// __dict__ or inline values, then its slots. Nothing is run: a property is an attribute of the type, and
// given there as it is.
func (h *Heap) Attributes(obj Addr, limit int) (_ []Attribute, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	a := uint64(obj)
	t, err := h.typeOf(a)
	if err != nil {
		return nil, err
	}
	var out []Attribute
	room := func() bool { return limit < 0 || len(out) < limit }
	if d := h.instanceDict(a, t); d != 0 {
		if dt, err := h.typeOf(d); err == nil && dt.kind == kindDict {
			h.dictEach(d, func(k, v uint64) bool {
				name, err := h.str(k, maxName)
				if err != nil {
					name = h.Repr(Addr(k), MaxKeyShown) // a key that is no str
				}
				out = append(out, Attribute{name, Addr(v), FromDict})
				return room()
			})
		}
	} else if _, values := h.managed(a, t); values != 0 {
		out = append(out, h.inlineAttributes(t, values)...)
	}
	if t.kind != kindType {
		out = append(out, h.slotAttributes(a, t)...)
	}
	if !room() {
		out = out[:limit]
	}
	return out, nil
}

// slotAttributes gives the members of a Python object's type and bases that hold an object.
func (h *Heap) slotAttributes(a uint64, t *typeInfo) []Attribute {
	var out []Attribute
	o := &h.off.typ
	seen := map[string]bool{}
	for i := 0; t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		p, _ := h.view.u64(t.addr + o.members)
		for j := uint64(0); p != 0 && j < maxMembers; j++ {
			b, ok := h.view.bytes(p+j*o.memberSize, o.memberSize)
			if !ok || le64(b, o.memberName) == 0 {
				break
			}
			kind, off := le32(b, o.memberType), le64(b, o.memberOffset)
			name, ok := h.view.cstring(le64(b, o.memberName), maxName)
			if !ok || kind != memberObject && kind != memberObjectEx || off > maxBasicSize || seen[name] {
				continue
			}
			// The descriptions of __dict__ and the list of weakrefs are no slots.
			if strings.HasPrefix(name, "__dictoffset") || strings.HasPrefix(name, "__weaklist") {
				continue
			}
			seen[name] = true
			if v, ok := h.view.u64(a + off); ok && h.isObject(v) {
				out = append(out, Attribute{name, Addr(v), FromSlot})
			}
		}
	}
	return out
}

// isObject says whether a live object lies at a.
func (h *Heap) isObject(a uint64) bool {
	s := h.view.find(a)
	return s != nil && a&7 == 0 && h.objectIn(s, a) != nil
}

// IsObject says whether the memory at a looks like a live object.
func (h *Heap) IsObject(a Addr) bool {
	defer h.begin(h.callLimit())()
	return h.isObject(uint64(a))
}

// inlineAttributes gives the inline values of an object, in the order that they were set.
func (h *Heap) inlineAttributes(t *typeInfo, values uint64) (out []Attribute) {
	k, ok := h.cachedKeys(t)
	if !ok {
		return nil
	}
	array := values
	if o := h.off.dict.valuesArray; o != absent && h.off.dict.valuesCapacity != absent {
		array += o
	}
	b := h.view.clip(array, k.n*8)
	h.work += uint64(len(b)) / 8
	for _, i := range h.inOrder(values, uint64(len(b))/8) {
		if v := le64(b, i*8); v != 0 {
			name := h.keyName(le64(k.entries, i*k.stride+k.key))
			out = append(out, Attribute{name, Addr(v), FromInline})
		}
	}
	return out
}
