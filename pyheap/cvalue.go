package pyheap

import (
	"fmt"
	"math"

	"pyfreeze/symbols"
)

// CValue is a C value in the target's memory, with what is inside it.
type CValue struct {
	Name    string // of the field; of an element its index "[3]"; "" at the top
	Type    string // as C writes it
	Addr    Addr
	Offset  uint64 // from the start of the value that was asked for
	Size    uint64
	Bits    int      // of a bit-field: how many, from bit Shift on
	Shift   int      // of a bit-field
	Text    string   // the value, of what has no parts; quoted where it is text of the target
	Target  Addr     // of a pointer: where to; 0 for NULL
	About   string   // of a pointer: what lies there
	Parts   []CValue // of a struct, union or array
	Omitted uint64   // parts left out because of the limits
}

// CLimits bound what is read of a C value.
type CLimits struct {
	Depth    int // structs and arrays inside each other
	Elements int // of one array
}

const (
	maxCValues = 1 << 16 // in one answer
	maxCText   = 80      // characters of a string
	maxAbout   = 60
)

// ReadC reads a value of type r, of layout lay, at address a. Memory that is not known gives
// an *ObjectError for the value itself, and the text "(not in known memory)" for a part of it.
func (h *Heap) ReadC(lay *symbols.Layout, r symbols.TypeRef, a Addr, lim CLimits) (v CValue, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	if _, ok := h.view.u8(uint64(a)); !ok {
		return v, &ObjectError{Addr: a, Want: "a " + r.String(), Err: errNotMapped}
	}
	c := creader{h: h, lay: lay, lim: lim, top: uint64(a)}
	return c.read(symbols.Field{Type: r, Size: r.Size}, uint64(a), 0), nil
}

// creader reads one C value and its parts.
type creader struct {
	h     *Heap
	lay   *symbols.Layout
	lim   CLimits
	top   uint64
	count int
}

// read reads field f, whose unit lies at a.
func (c *creader) read(f symbols.Field, a uint64, depth int) CValue {
	c.count++
	r := &f.Type
	v := CValue{Name: f.Name, Type: r.String(), Addr: Addr(a), Offset: a - c.top, Size: f.Size, Bits: f.BitSize, Shift: f.BitOffset}
	switch r.Kind {
	case symbols.KindStruct, symbols.KindUnion:
		c.members(&v, r, a, depth)
	case symbols.KindArray:
		c.elements(&v, r, a, depth)
	case symbols.KindPointer:
		p, ok := c.h.view.u64(a)
		if !ok {
			v.Text = unknownMemory
			break
		}
		v.Target, v.Text = Addr(p), Addr(p).String()
		if p == 0 {
			v.Text = "NULL"
		} else {
			v.About = c.about(r, p)
		}
	default:
		v.Text = c.scalar(&f, a)
	}
	return v
}

const unknownMemory = "(not in known memory)"

func (c *creader) members(v *CValue, r *symbols.TypeRef, a uint64, depth int) {
	st, err := c.lay.StructOf(*r)
	if err != nil {
		v.Text = "(only declared)"
		return
	}
	if depth >= c.lim.Depth || c.full() {
		v.Omitted = uint64(len(st.Fields))
		return
	}
	for i := range st.Fields {
		f := st.Fields[i]
		if c.full() {
			v.Omitted = uint64(len(st.Fields) - i)
			return
		}
		v.Parts = append(v.Parts, c.read(f, a+f.Offset, depth+1))
	}
}

// elements reads an array; one of characters is text.
func (c *creader) elements(v *CValue, r *symbols.TypeRef, a uint64, depth int) {
	e := r.Elem
	if e == nil || e.Size == 0 {
		v.Text = "(elements of unknown size)"
		return
	}
	if e.Size == 1 && e.Kind == symbols.KindInt && r.Count > 1 {
		b := c.h.view.clip(a, min(r.Count, maxCText))
		for i, ch := range b {
			if ch == 0 {
				b = b[:i]
				break
			}
		}
		v.Text = QuoteBytes(b)
		return
	}
	if depth >= c.lim.Depth {
		v.Omitted = r.Count
		return
	}
	for i := uint64(0); i < r.Count; i++ {
		if i >= uint64(max(c.lim.Elements, 0)) || c.full() {
			v.Omitted = r.Count - i
			return
		}
		f := symbols.Field{Name: fmt.Sprintf("[%d]", i), Size: e.Size, Type: *e}
		v.Parts = append(v.Parts, c.read(f, a+i*e.Size, depth+1))
	}
}

func (c *creader) full() bool { return c.count >= maxCValues || c.h.exhausted() }

// scalar writes a number, a truth value or a constant.
func (c *creader) scalar(f *symbols.Field, a uint64) string {
	n := f.Size
	if n == 0 || n > 16 {
		return "(opaque)"
	}
	b, ok := c.h.view.bytes(a, n)
	if !ok {
		return unknownMemory
	}
	if n > 8 && f.BitSize == 0 {
		return fmt.Sprintf("0x%x", reversed(b))
	}
	var u uint64
	for i := range min(n, 8) {
		u |= uint64(b[i]) << (8 * i)
	}
	width := int(min(n, 8)) * 8
	if f.BitSize > 0 {
		u >>= uint(f.BitOffset) & 63
		if width = f.BitSize; width < 64 {
			u &= 1<<width - 1
		}
	}
	signed := int64(u<<(64-width)) >> (64 - width)
	switch f.Type.Kind {
	case symbols.KindFloat:
		if n == 4 {
			return fmt.Sprint(math.Float32frombits(uint32(u)))
		}
		return fmt.Sprint(math.Float64frombits(u))
	case symbols.KindBool:
		return fmt.Sprint(u != 0)
	case symbols.KindEnum:
		for _, value := range []int64{int64(u), signed} {
			if name, ok := c.lay.EnumName(f.Type, value); ok {
				return fmt.Sprintf("%s (%d)", name, value)
			}
		}
		return fmt.Sprint(signed)
	case symbols.KindInt:
		if n == 1 && signed >= 32 && signed < 127 && f.BitSize == 0 {
			return fmt.Sprintf("%d %q", signed, rune(signed))
		}
		return fmt.Sprint(signed)
	}
	if u >= 1<<24 {
		return fmt.Sprintf("%d (%#x)", u, u)
	}
	return fmt.Sprint(u)
}

// reversed gives little-endian bytes in the order that they are written in.
func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[len(b)-1-i] = b[i]
	}
	return out
}

// about says what a pointer of type r points to.
func (c *creader) about(r *symbols.TypeRef, p uint64) string {
	h := c.h
	if r.Elem != nil && r.Elem.Size == 1 && r.Elem.Kind == symbols.KindInt {
		if s, ok := h.view.cstring(p, 1<<12); ok {
			if len(s) > maxCText {
				return QuoteBytes([]byte(s[:maxCText])) + "..."
			}
			return QuoteBytes([]byte(s))
		}
	}
	if e := r.Elem; e != nil && e.Size > 0 && (e.Kind == symbols.KindStruct || e.Kind == symbols.KindUnion) && !isObjectStruct(c.lay, e, 0) {
		return h.aboutMemory(p) // what begins with two pointers may look like an object
	}
	return h.About(Addr(p))
}
