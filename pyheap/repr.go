package pyheap

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

const (
	maxReprDepth = 6
	maxRepr      = 1 << 20 // characters, also where no limit is asked for
)

// Repr gives a short repr of an object without running code: builtin types as Python writes them,
// anything else as <module.Class at 0x...>. It is cut to limit characters; a
// negative limit means 1 MiB.
func (h *Heap) Repr(obj Addr, limit int) string {
	defer h.begin(h.callLimit())()
	if limit < 0 || limit > maxRepr {
		limit = maxRepr
	}
	r := reprer{h: h, limit: limit}
	r.write(uint64(obj), 0)
	s := r.b.String()
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:max(limit-3, 0)]) + "..."
	}
	return s
}

type reprer struct {
	h     *Heap
	b     strings.Builder
	limit int
	open  []uint64 // what is being written, one inside the other
}

func (r *reprer) full() bool { return r.b.Len() > 4*r.limit || r.h.exhausted() }

func (r *reprer) write(a uint64, depth int) {
	h := r.h
	t, err := h.typeOf(a)
	if err != nil {
		fmt.Fprintf(&r.b, "<no object at %#x>", a)
		return
	}
	if r.full() || depth > maxReprDepth {
		r.b.WriteString("...")
		return
	}
	if slices.Contains(r.open, a) {
		if s := map[kind]string{kindList: "[...]", kindDict: "{...}", kindTuple: "(...)"}[t.kind]; s != "" {
			r.b.WriteString(s)
		} else {
			r.b.WriteString("...")
		}
		return
	}
	r.open = append(r.open, a)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	if r.builtin(h.nameOf(t), a, t, depth) {
		return
	}
	if t.flags&flagException != 0 && t.kind != kindType && r.exception(a, t, depth) {
		return
	}
	fmt.Fprintf(&r.b, "<%s at %#x", h.nameOf(t), a)
	if base := baseNames[t.kind]; base != "" && !t.exact {
		// The value that an enum, a namedtuple, an OrderedDict has as what it is made from.
		r.b.WriteString(": ")
		r.builtin(base, a, t, depth)
	}
	r.b.WriteString(">")
}

// exception writes an exception as Python does: with its arguments.
func (r *reprer) exception(a uint64, t *typeInfo, depth int) bool {
	off := (&resolver{lay: r.h.lay}).opt("PyBaseExceptionObject.args")
	if off == absent {
		return false
	}
	p, _ := r.h.view.u64(a + off)
	args, err := r.h.TupleItems(Addr(p), r.limit+2)
	if err != nil {
		return false
	}
	r.b.WriteString(strings.TrimPrefix(r.h.nameOf(t), "builtins.") + "(")
	for i, arg := range args {
		if i > 0 {
			r.b.WriteString(", ")
		}
		r.write(uint64(arg), depth+1)
		if r.full() {
			break
		}
	}
	r.b.WriteString(")")
	return true
}

// Digits of larger ints take long to compute: more bits than plainBits are written where all that
// come of them are shown, more than maxBits never.
const (
	plainBits = 1 << 17
	maxBits   = 1 << 22
)

// intText writes an int, as long as it may be.
func intText(v *big.Int, limit int) string {
	n := v.BitLen()
	if n <= plainBits || n <= maxBits && n/4 <= limit {
		return v.String()
	}
	const shown = 128 // bits
	head := new(big.Int).Rsh(new(big.Int).Abs(v), uint(n-shown)&^3)
	sign := ""
	if v.Sign() < 0 {
		sign = "-"
	}
	return fmt.Sprintf("<int of %d bits, %s%#x...>", n, sign, head)
}

// floatText writes a float as Python does: its shortest digits, with an exponent where the point is
// far from them (float_repr_style, PyOS_double_to_string).
func floatText(v float64) string {
	const most, least = 1e16, 1e-4
	switch x := math.Abs(v); {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+"))
	case x >= most || x < least && x != 0:
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// complexText writes a complex number as Python does: without a real part that is 0, and its parts
// without the ".0" of a float (complex_repr of Objects/complexobject.c).
func (h *Heap) complexText(a uint64) (string, bool) {
	off := (&resolver{lay: h.lay}).opt("PyComplexObject.cval")
	if off == absent {
		return "", false
	}
	re, ok := h.view.u64(a + off)
	im, ok2 := h.view.u64(a + off + 8)
	part := func(bits uint64) string {
		return strings.TrimSuffix(floatText(math.Float64frombits(bits)), ".0")
	}
	if re == 0 {
		return part(im) + "j", ok && ok2
	}
	sign := "+"
	if strings.HasPrefix(part(im), "-") {
		sign = ""
	}
	return "(" + part(re) + sign + part(im) + "j)", ok && ok2
}

// baseNames are the builtin types whose subclasses have a value worth showing.
var baseNames = map[kind]string{kindInt: "builtins.int", kindStr: "builtins.str", kindBytes: "builtins.bytes",
	kindFloat: "builtins.float", kindTuple: "builtins.tuple", kindList: "builtins.list", kindDict: "builtins.dict",
	kindSet: "builtins.set"}

// builtin writes an object as one of the builtin type of that name.
func (r *reprer) builtin(name string, a uint64, t *typeInfo, depth int) bool {
	h := r.h
	switch name {
	case "builtins.NoneType":
		r.b.WriteString("None")
	case "builtins.ellipsis":
		r.b.WriteString("Ellipsis")
	case "builtins.bool":
		v, err := h.Int(Addr(a))
		if err != nil {
			return false
		}
		r.b.WriteString(map[bool]string{false: "False", true: "True"}[v != 0])
	case "builtins.int":
		v, err := h.BigInt(Addr(a))
		if err != nil {
			return false
		}
		r.b.WriteString(intText(v, r.limit))
	case "builtins.float":
		v, err := h.Float(Addr(a))
		if err != nil {
			return false
		}
		r.b.WriteString(floatText(v))
	case "builtins.complex":
		text, ok := h.complexText(a)
		if !ok {
			return false
		}
		r.b.WriteString(text)
	case "builtins.str":
		b, width, err := h.chars(a, maxStr)
		if err != nil {
			return false
		}
		if shown := uint64(4*r.limit+8) * width; uint64(len(b)) > shown {
			b = b[:shown]
		}
		r.b.WriteString(quoteRunes(decodeRunes(b, width)))
	case "builtins.bytes":
		b, err := h.Bytes(Addr(a))
		if err != nil {
			return false
		}
		r.b.WriteString("b" + QuoteBytes([]byte(r.head(string(b)))))
	case "builtins.tuple", "builtins.list", "builtins.set", "builtins.frozenset":
		return r.sequence(a, t, depth)
	case "builtins.dict":
		return r.dict(a, depth)
	case "builtins.frozendict": // frozendict_repr of Objects/dictobject.c
		if used, _ := h.view.u64(a + h.off.dict.used); used == 0 {
			r.b.WriteString("frozendict()")
			return true
		}
		r.b.WriteString("frozendict(")
		defer r.b.WriteString(")")
		return r.dict(a, depth)
	case "builtins.module":
		name, _ := h.moduleName(a)
		r.b.WriteString("<module " + quote(name) + ">")
	case "builtins.function":
		name, ok := h.Attr(Addr(a), "__qualname__")
		s, err := h.Str(name)
		if ok != nil || err != nil {
			return false
		}
		fmt.Fprintf(&r.b, "<function %s at %#x>", s, a)
	case "builtins.code":
		fmt.Fprintf(&r.b, "<code object %s at %#x, file %s, line %d>", h.strField(a, h.off.code.name), a,
			quote(h.strField(a, h.off.code.filename)), h.line(a, -1))
	case "builtins.generator", "builtins.coroutine", "builtins.async_generator":
		frame, state := h.generator(a)
		fr, err := h.readFrame(frame)
		if state == "finished" || err != nil {
			return false
		}
		fmt.Fprintf(&r.b, "<%s object %s at %#x>", strings.TrimPrefix(h.nameOf(t), "builtins."), fr.Qualname, a)
	default:
		if t.kind != kindType {
			return false
		}
		if named := h.typeAt(a); named != nil {
			r.b.WriteString("<class " + quote(h.nameOf(named)) + ">")
			return true
		}
		return false
	}
	return true
}

// head gives as much of s as can be shown: decoding and quoting megabytes would be for nothing.
func (r *reprer) head(s string) string {
	if len(s) > 4*r.limit+8 {
		return s[:4*r.limit+8]
	}
	return s
}

func (r *reprer) sequence(a uint64, t *typeInfo, depth int) bool {
	h := r.h
	open, end := "[", "]"
	var items []Addr
	var err error
	limit := r.limit + 2 // each takes a character at least
	switch t.kind {
	case kindTuple:
		open, end = "(", ")"
		items, err = h.TupleItems(Addr(a), limit)
		if len(items) == 1 {
			end = ",)"
		}
	case kindSet:
		open, end = "{", "}"
		if items, err = h.SetItems(Addr(a), limit); len(items) == 0 {
			open, end = "set(", ")"
		}
		if h.nameOf(t) == "builtins.frozenset" {
			open, end = "frozenset({", "})"
			if len(items) == 0 {
				open, end = "frozenset(", ")"
			}
		}
	default:
		items, err = h.ListItems(Addr(a), limit)
	}
	if err != nil {
		return false
	}
	r.b.WriteString(open)
	for i, it := range items {
		if i > 0 {
			r.b.WriteString(", ")
		}
		r.write(uint64(it), depth+1)
		if r.full() {
			break
		}
	}
	r.b.WriteString(end)
	return true
}

func (r *reprer) dict(a uint64, depth int) bool {
	r.b.WriteString("{")
	first := true
	item := func(k, v uint64) bool {
		if !first {
			r.b.WriteString(", ")
		}
		first = false
		r.write(k, depth+1)
		r.b.WriteString(": ")
		r.write(v, depth+1)
		return !r.full()
	}
	if t, err := r.h.typeOf(a); err == nil && r.h.isOrdered(t) {
		items, _ := r.h.DictItems(Addr(a), r.limit) // of a damaged one, none
		for _, it := range items {
			if !item(uint64(it.Key), uint64(it.Value)) {
				break
			}
		}
	} else {
		r.h.dictEach(a, item)
	}
	r.b.WriteString("}")
	return true
}
