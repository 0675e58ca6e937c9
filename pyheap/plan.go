package pyheap

import (
	"slices"

	"pyfreeze/symbols"
)

// wordKind says what a pointer-sized word of a C struct holds, as DWARF has it.
type wordKind uint8

const (
	wordData    wordKind = iota // no pointer
	wordObject                  // a struct that begins with PyObject_HEAD
	wordSlot                    // an object, or nothing: a slot of a class
	wordStruct                  // one or more structs; to is their plan
	wordText                    // characters, numbers: memory without pointers
	wordCode                    // a function
	wordForeign                 // memory that another visitor or nobody reads: interpreter states, GC heads
	wordUnknown                 // void *, or a union whose members disagree: perhaps a pointer
)

// planWord is one pointer of a struct.
type planWord struct {
	off  uint64
	kind wordKind
	to   *plan // of wordStruct
}

// plan says which words of a C struct are pointers, and to what. All other words hold data.
type plan struct {
	name  string
	size  uint64
	words []planWord // by offset
	tail  *plan      // what the flexible array at the end consists of; nil if there is none
	first uint64     // where that array begins
	index int        // in Heap.plans
	state planState

	opaque bool // most of it is not known: some words of a library's own state are

	lay *symbols.Layout
	st  *symbols.Struct
}

type planState uint8

const (
	planNew planState = iota
	planBusy
	planDone
)

const (
	maxPlanWords = 1 << 16 // pointers of one struct
	maxPlans     = 1 << 16
	maxPlanArray = 1 << 15 // elements of an array inside a struct: the nodes of pymalloc's arena map have as many
)

// planOf gives the plan of a struct or union of lay, compiled when first used; nil where it is only declared.
func (h *Heap) planOf(lay *symbols.Layout, r symbols.TypeRef) *plan {
	st, err := lay.StructOf(r)
	if err != nil || st.Size == 0 || st.Size > maxBasicSize {
		return nil
	}
	return h.planOfStruct(lay, st)
}

func (h *Heap) planOfStruct(lay *symbols.Layout, st *symbols.Struct) *plan {
	if p := h.planBy[st]; p != nil {
		return p
	}
	if len(h.plans) >= maxPlans {
		return nil
	}
	name := st.Tag
	if name == "" {
		name = st.Name
	}
	p := h.newPlan(&plan{name: name, size: st.Size, lay: lay, st: st})
	h.planBy[st] = p
	return p
}

func (h *Heap) newPlan(p *plan) *plan {
	p.index = len(h.plans)
	h.plans = append(h.plans, p)
	return p
}

// compiled completes a plan: until then only its size and name are known, so that structs may refer to each
// other.
func (h *Heap) compiled(p *plan) *plan {
	if p.state != planNew || p.st == nil {
		return p
	}
	p.state = planBusy
	c := planner{h: h, lay: p.lay}
	p.words = c.members(p.st, 0, 0)
	if last := c.flexible(p.st); last != nil {
		p.tail, p.first = h.elementPlan(p.lay, last.Type.Elem), last.Offset
	}
	p.state = planDone
	return p
}

// elementPlan is the plan of one element of an array; nil where it has no pointers.
func (h *Heap) elementPlan(lay *symbols.Layout, elem *symbols.TypeRef) *plan {
	if elem == nil || elem.Size == 0 || elem.Size > maxBasicSize {
		return nil
	}
	if elem.Kind == symbols.KindStruct || elem.Kind == symbols.KindUnion {
		return h.planOf(lay, *elem)
	}
	c := planner{h: h, lay: lay}
	words := c.one(elem, 0, 0)
	if len(words) == 0 {
		return nil
	}
	return h.arrayPlan(words, elem.Size)
}

// arrayPlan is the plan of memory that repeats some words.
func (h *Heap) arrayPlan(words []planWord, size uint64) *plan {
	if size == 8 && len(words) == 1 { // of pointers: shared
		k := words[0]
		if p := h.pointerPlans[k]; p != nil {
			return p
		}
		p := h.newPlan(&plan{name: "<pointers>", size: size, words: words, state: planDone})
		h.pointerPlans[k] = p
		return p
	}
	return h.newPlan(&plan{name: "<array>", size: size, words: words, state: planDone})
}

// planner compiles the structs of one layout.
type planner struct {
	h   *Heap
	lay *symbols.Layout
}

// flexible gives the array that a struct ends in, if it may have more elements than declared.
func (c *planner) flexible(st *symbols.Struct) *symbols.Field {
	if st.Union || len(st.Fields) == 0 {
		return nil
	}
	f := &st.Fields[len(st.Fields)-1]
	if f.Type.Kind != symbols.KindArray || f.Type.Count > 1 {
		return nil
	}
	return f
}

// members gives the pointers of a struct or union that lies at base.
func (c *planner) members(st *symbols.Struct, base uint64, depth int) []planWord {
	var out []planWord
	if depth > maxStructDepth {
		return c.unknown(base, st.Size)
	}
	last := c.flexible(st)
	var parts [][]planWord
	for i := range st.Fields {
		f := &st.Fields[i]
		if f.BitSize != 0 || f == last && depth == 0 {
			continue
		}
		w := c.one(&f.Type, base+f.Offset, depth)
		if foreignFields[c.structName(st)+"."+f.Name] {
			for j := range w {
				w[j] = planWord{off: w[j].off, kind: wordForeign}
			}
		} else if untypedFields[c.structName(st)+"."+f.Name] {
			for j := range w {
				w[j] = planWord{off: w[j].off, kind: wordUnknown}
			}
		} else if lib := libraryStates[c.structName(st)+"."+f.Name]; lib != nil && len(w) == 1 {
			w[0].kind, w[0].to = wordStruct, c.h.libraryPlan(lib)
		}
		parts = append(parts, w)
		out = append(out, w...)
		if len(out) > maxPlanWords {
			return out[:maxPlanWords]
		}
	}
	if st.Union {
		return unite(parts)
	}
	slices.SortFunc(out, func(a, b planWord) int { return int(int64(a.off) - int64(b.off)) })
	return out
}

func (c *planner) structName(st *symbols.Struct) string {
	if st.Tag != "" {
		return st.Tag
	}
	return st.Name
}

// unite gives the words of a union: those of which all members say the same, the others as not known.
func unite(parts [][]planWord) []planWord {
	type seen struct {
		w     planWord
		count int
		same  bool
	}
	var order []uint64
	at := map[uint64]*seen{}
	for _, words := range parts {
		for _, w := range words {
			s := at[w.off]
			if s == nil {
				s = &seen{w: w, same: true}
				at[w.off] = s
				order = append(order, w.off)
			}
			s.count++
			s.same = s.same && s.w == w
		}
	}
	slices.Sort(order)
	var out []planWord
	for _, off := range order {
		s := at[off]
		if s.count == len(parts) && s.same {
			out = append(out, s.w)
		} else {
			out = append(out, planWord{off: off, kind: wordUnknown})
		}
	}
	return out
}

func (c *planner) unknown(base, size uint64) []planWord {
	var out []planWord
	for o := (base + 7) &^ 7; o+8 <= base+size && len(out) < maxPlanWords; o += 8 {
		out = append(out, planWord{off: o, kind: wordUnknown})
	}
	return out
}

// one gives the pointers of a value of type t that lies at off.
func (c *planner) one(t *symbols.TypeRef, off uint64, depth int) []planWord {
	switch t.Kind {
	case symbols.KindPointer:
		if off&7 != 0 {
			return nil // packed: no allocator of CPython has such, and no reader of words would see it
		}
		kind, to := c.pointee(t.Elem, 0)
		return []planWord{{off: off, kind: kind, to: to}}
	case symbols.KindStruct, symbols.KindUnion:
		st, err := c.lay.StructOf(*t)
		if err != nil {
			return c.unknown(off, t.Size)
		}
		return c.members(st, off, depth+1)
	case symbols.KindArray:
		if t.Elem == nil || t.Elem.Size == 0 {
			return nil
		}
		first := c.one(t.Elem, 0, depth+1)
		if len(first) == 0 {
			return nil
		}
		var out []planWord
		for i := uint64(0); i < min(t.Count, maxPlanArray) && len(out) < maxPlanWords; i++ {
			for _, w := range first {
				w.off += off + i*t.Elem.Size
				out = append(out, w)
			}
		}
		return out
	case symbols.KindUnknown:
		return c.unknown(off, t.Size)
	case symbols.KindInt, symbols.KindUint:
		if t.Name == "uintptr_t" || t.Name == "intptr_t" {
			return c.unknown(off, t.Size) // an address, often with flags in its low bits
		}
	}
	return nil
}

// pointee says what a pointer to t points to.
func (c *planner) pointee(t *symbols.TypeRef, depth int) (wordKind, *plan) {
	if t == nil || depth > maxStructDepth {
		return wordUnknown, nil
	}
	switch t.Kind {
	case symbols.KindFunc:
		return wordCode, nil
	case symbols.KindInt, symbols.KindUint, symbols.KindBool, symbols.KindFloat, symbols.KindEnum:
		return wordText, nil
	case symbols.KindStruct, symbols.KindUnion:
		if foreignStructs[t.Tag] || foreignStructs[t.Name] {
			return wordForeign, nil
		}
		if isObjectStruct(c.lay, t, 0) {
			return wordObject, nil
		}
		if p := c.h.planOf(c.lay, *t); p != nil {
			return wordStruct, p
		}
	case symbols.KindPointer:
		kind, to := c.pointee(t.Elem, depth+1)
		if kind == wordUnknown {
			return wordUnknown, nil
		}
		return wordStruct, c.h.arrayPlan([]planWord{{kind: kind, to: to}}, 8)
	}
	return wordUnknown, nil
}

// isObjectStruct says whether a struct begins with PyObject_HEAD.
func isObjectStruct(lay *symbols.Layout, t *symbols.TypeRef, depth int) bool {
	if t.Tag == "_object" || t.Name == "PyObject" {
		return true
	}
	if t.Kind != symbols.KindStruct || depth > maxStructDepth {
		return false
	}
	st, err := lay.StructOf(*t)
	if err != nil || len(st.Fields) == 0 || st.Fields[0].Offset != 0 {
		return false
	}
	return isObjectStruct(lay, &st.Fields[0].Type, depth+1)
}
