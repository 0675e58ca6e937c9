package pyheap

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"
)

// What the readers of single values accept; more is an error, not a hang.
const (
	maxStr    = 64 << 20 // characters
	maxDigits = 1 << 20  // of 30 bits
)

// strParts is a str split into what it owns.
type strParts struct {
	header uint64 // bytes of the object before compact data; the whole object otherwise
	data   uint64 // address of the characters
	size   uint64 // bytes of the characters with their terminator
	width  uint64 // bytes a character: 1, 2, 4; 0 for a str that is not ready
	length uint64
	inline bool   // the characters follow the header
	utf8   uint64 // separate UTF-8 copy, 0 if none
	nutf8  uint64
	wstr   uint64 // separate wchar_t copy (until 3.11), 0 if none
	nwstr  uint64
}

func (h *Heap) strParts(a uint64) (p strParts, ok bool) {
	o := &h.off.str
	b := h.view.clip(a, o.objectSize)
	if uint64(len(b)) < o.asciiSize {
		return p, false
	}
	p.length, p.width = le64(b, o.length), o.kind.get(b)
	ascii, compact := o.ascii.get(b) != 0, o.compact.get(b) != 0
	if p.width != 1 && p.width != 2 && p.width != 4 {
		p.width = 0
	}
	if p.length > math.MaxInt64/8 {
		return p, false
	}
	p.size = (p.length + 1) * p.width
	switch {
	case compact && ascii:
		p.header, p.inline, p.data = o.asciiSize, true, a+o.asciiSize
	case compact:
		p.header, p.inline, p.data = o.compactSize, true, a+o.compactSize
	default:
		p.header = o.objectSize
		if uint64(len(b)) < o.objectSize {
			return p, false
		}
		p.data = le64(b, o.data)
	}
	if p.inline && p.width == 0 {
		return p, false
	}
	if !(compact && ascii) && uint64(len(b)) >= o.compactSize {
		if u := le64(b, o.utf8); u != p.data {
			p.utf8, p.nutf8 = u, le64(b, o.utf8Length)+1
		}
	}
	if o.wstr != absent {
		if w := le64(b, o.wstr); w != 0 && w != p.data {
			p.wstr, p.nwstr = w, p.length+1
			if !(compact && ascii) && o.wstrLength != absent && uint64(len(b)) >= o.compactSize {
				p.nwstr = le64(b, o.wstrLength) + 1
			}
			p.nwstr *= 4
		}
	}
	return p, true
}

// Str gives the value of a str. Lone surrogates become U+FFFD.
func (h *Heap) Str(obj Addr) (string, error) { return h.str(uint64(obj), maxStr) }

// str reads a str of at most limit characters.
func (h *Heap) str(a uint64, limit uint64) (string, error) {
	b, width, err := h.chars(a, limit)
	if err != nil {
		return "", err
	}
	return decodeChars(b, width), nil
}

// chars gives the characters of a str, of width bytes each.
func (h *Heap) chars(a uint64, limit uint64) (b []byte, width uint64, err error) {
	if err := h.want(a, kindStr, "a str"); err != nil {
		return nil, 0, err
	}
	p, ok := h.strParts(a)
	if !ok {
		return nil, 0, &ObjectError{Addr: Addr(a), Want: "a str", Err: errNotMapped}
	}
	if p.width == 0 { // legacy, not ready: only the wchar_t form exists
		p.data, p.width, p.length = p.wstr, 4, p.nwstr/4-min(1, p.nwstr/4)
	}
	if p.length > limit {
		return nil, 0, &ObjectError{Addr: Addr(a), Want: "a str", Err: errTooLarge}
	}
	b, ok = h.view.bytes(p.data, p.length*p.width)
	if !ok && p.length > 0 {
		return nil, 0, &ObjectError{Addr: Addr(a), Want: "a str", Err: errBadLength}
	}
	return b, p.width, nil
}

// decodeChars decodes characters. Lone surrogates, and what is no character, become U+FFFD.
func decodeChars(b []byte, width uint64) string {
	if width == 1 && !slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 }) {
		return string(b)
	}
	return string(decodeRunes(b, width)) // which does that
}

// decodeRunes decodes characters as they are.
func decodeRunes(b []byte, width uint64) []rune {
	out := make([]rune, 0, uint64(len(b))/width)
	switch width {
	case 1:
		for _, c := range b {
			out = append(out, rune(c))
		}
	case 2:
		for i := 0; i+2 <= len(b); i += 2 {
			out = append(out, rune(binary.LittleEndian.Uint16(b[i:])))
		}
	default:
		for i := 0; i+4 <= len(b); i += 4 {
			r := rune(binary.LittleEndian.Uint32(b[i:]))
			if r < 0 || r > utf8.MaxRune {
				r = utf8.RuneError
			}
			out = append(out, r)
		}
	}
	return out
}

// Bytes gives a copy of the value of a bytes or bytearray.
func (h *Heap) Bytes(obj Addr) ([]byte, error) {
	a := uint64(obj)
	t, err := h.typeOf(a)
	if err != nil {
		return nil, err
	}
	n, ok := h.view.u64(a + h.off.obSize)
	data := a + h.off.seq.bytesData
	switch t.kind {
	case kindBytes:
	case kindByteArray:
		if data, ok = h.view.u64(a + h.off.seq.baStart); ok && n == 0 {
			return []byte{}, nil
		}
	default:
		return nil, &ObjectError{Addr: obj, Want: "a bytes"}
	}
	if !ok || n > maxStr {
		return nil, &ObjectError{Addr: obj, Want: "a bytes", Err: errBadLength}
	}
	b, ok := h.view.bytes(data, n)
	if !ok {
		return nil, &ObjectError{Addr: obj, Want: "a bytes", Err: errBadLength}
	}
	return append([]byte{}, b...), nil
}

// intDigits gives the sign and the number of 30-bit digits of an int.
func (h *Heap) intDigits(a uint64) (negative bool, n uint64, ok bool) {
	if tag := h.off.seq.intTag; tag != absent { // 3.12: sign in the two low bits, three flags
		v, ok := h.view.u64(a + tag)
		return v&3 == 2, v >> 3, ok
	}
	v, ok := h.view.u64(a + h.off.obSize)
	if int64(v) < 0 {
		return true, -v, ok
	}
	return false, v, ok
}

// BigInt gives the value of an int of any size.
func (h *Heap) BigInt(obj Addr) (*big.Int, error) {
	a := uint64(obj)
	if err := h.want(a, kindInt, "an int"); err != nil {
		return nil, err
	}
	neg, n, ok := h.intDigits(a)
	if !ok || n > maxDigits {
		return nil, &ObjectError{Addr: obj, Want: "an int", Err: errBadLength}
	}
	b, ok := h.view.bytes(a+h.off.seq.intDigits, n*4)
	if !ok && n > 0 {
		return nil, &ObjectError{Addr: obj, Want: "an int", Err: errBadLength}
	}
	// Into bytes first: shifting a big.Int digit by digit would be quadratic.
	be := make([]byte, (n*30+7)/8)
	for i := uint64(0); i < n; i++ {
		d := le32(b, i*4)
		for bit := uint64(0); bit < 30; bit++ {
			if pos := i*30 + bit; d>>bit&1 != 0 {
				be[uint64(len(be))-1-pos/8] |= 1 << (pos % 8)
			}
		}
	}
	v := new(big.Int).SetBytes(be)
	if neg {
		v.Neg(v)
	}
	return v, nil
}

// Int gives the value of an int that fits into 64 bits.
func (h *Heap) Int(obj Addr) (int64, error) {
	v, err := h.BigInt(obj)
	if err != nil {
		return 0, err
	}
	if !v.IsInt64() {
		return 0, &ObjectError{Addr: obj, Want: "an int of 64 bits", Err: errTooLarge}
	}
	return v.Int64(), nil
}

// Float gives the value of a float.
func (h *Heap) Float(obj Addr) (float64, error) {
	if err := h.want(uint64(obj), kindFloat, "a float"); err != nil {
		return 0, err
	}
	v, ok := h.view.u64(uint64(obj) + h.off.seq.floatValue)
	if !ok {
		return 0, &ObjectError{Addr: obj, Want: "a float", Err: errNotMapped}
	}
	return math.Float64frombits(v), nil
}

// want fails unless the object at a is of a type with that visitor.
func (h *Heap) want(a uint64, k kind, what string) error {
	t, err := h.typeOf(a)
	if err != nil {
		return err
	}
	if t.kind != k {
		return &ObjectError{Addr: Addr(a), Want: what}
	}
	return nil
}
