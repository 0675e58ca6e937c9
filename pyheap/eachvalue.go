package pyheap

// Value is a str, bytes, bytearray or int with what it holds.
type Value struct {
	Addr     Addr
	TypeName string
	IsInt    bool
	Int      int64  // of an int
	Text     []byte // of the others; a str as UTF-8, its lone surrogates as U+FFFD. Valid during the call only.
	Interned bool   // it is a str that the interpreter keeps one copy of, as it does of names
}

// EachValue calls fn with every str, bytes and bytearray of at most maxText characters or bytes, and with
// every int of 64 bits, in the order of addresses. Objects of subclasses count.
func (w *Walk) EachValue(maxText int, fn func(v Value)) {
	h := w.h
	for _, i := range w.order {
		n := &w.nodes[i]
		if n.isBlock() {
			continue
		}
		t := h.list[n.typ]
		v := Value{Addr: Addr(n.addr)}
		switch t.kind {
		case kindStr:
			if !h.textOf(&v, n.addr, uint64(maxText)) {
				continue
			}
		case kindBytes, kindByteArray:
			if size, ok := h.view.u64(n.addr + h.off.obSize); !ok || size > uint64(maxText) {
				continue
			}
			b, err := h.Bytes(v.Addr)
			if err != nil {
				continue
			}
			v.Text = b
		case kindInt:
			x, err := h.Int(v.Addr)
			if err != nil {
				continue
			}
			v.IsInt, v.Int = true, x
		default:
			continue
		}
		v.TypeName = h.nameOf(t)
		fn(v)
	}
}

// textOf reads a str; one of ASCII without a copy.
func (h *Heap) textOf(v *Value, a, limit uint64) bool {
	o := &h.off.str
	b := h.view.clip(a, o.asciiSize)
	if uint64(len(b)) < o.asciiSize || le64(b, o.length) > limit {
		return false
	}
	v.Interned = o.interned.get(b) != 0
	if o.ascii.get(b) != 0 && o.compact.get(b) != 0 {
		text, ok := h.view.bytes(a+o.asciiSize, le64(b, o.length))
		v.Text = text
		return ok
	}
	s, err := h.str(a, limit)
	v.Text = []byte(s)
	return err == nil
}
