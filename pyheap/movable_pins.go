package pyheap

import (
	"cmp"
	"path/filepath"
	"slices"

	"pyfreeze/symbols"
)

// findPins finds what cannot be moved because a reference to it cannot be corrected, or may be none.
func (c *classifier) findPins() error {
	h := c.w.h
	defer h.begin(2 * h.walkLimit())()
	for i := range c.w.nodes { // first, since they give the better reasons
		if n := &c.w.nodes[i]; !n.isBlock() {
			c.exported(n)
		}
	}
	v := pinner{c: c}
	for i := range c.w.nodes[:c.w.fromStack] { // C frames are abandoned by a thaw, with what they alone hold
		n := &c.w.nodes[i]
		v.from = n
		switch p := c.w.planOf(n); {
		case !n.isBlock():
			h.visit(&v, n.addr, h.list[n.typ])
		case p != nil:
			h.visitPlan(&v, n.addr, n.size, p)
		case blockKind(n.typ) == blockOpaque:
			h.scan(&v, h.view.clip(n.addr, n.size), 0, nil)
		}
		if h.exhausted() {
			return &BudgetError{Nodes: i}
		}
	}
	c.staticPins()
	return nil
}

// pin notes why the node that a lies in cannot be moved. The first reason counts.
func (c *classifier) pin(a uint64, why func() string) {
	if i, ok := c.w.nodeAround(a); ok && c.pins[i] == 0 {
		c.pins[i] = c.reasonIndex(why())
	}
}

func (c *classifier) reasonIndex(why string) uint16 {
	i := slices.Index(c.why, why)
	if i < 0 {
		if len(c.why) == maxReasons {
			why = "a word that may be a pointer" // too many kinds to tell apart
		}
		i = len(c.why)
		c.why = append(c.why, why)
	}
	return uint16(i + 1)
}

// pinner pins what words of unknown meaning point to.
type pinner struct {
	c    *classifier
	from *node
}

func (v *pinner) edge(k edgeKind, to, arg uint64) {
	if k.guess() && !v.c.isKnownWord(v.from, arg) {
		v.c.pin(to, func() string { return "a word that may be a pointer, in " + v.c.w.holderName(v.from) })
	}
}
func (v *pinner) block(blockKind, uint64, uint64) {}
func (v *pinner) wantType(*typeInfo) bool         { return false }

// isKnownWord says whether a word that DWARF does not call a pointer to an object, or does not describe, is one
// nevertheless: tp_subclasses is void * since 3.12 (gh-94673), and PyMemberDefs of __slots__ follow a type.
func (c *classifier) isKnownWord(n *node, off uint64) bool {
	if n.isBlock() {
		return false
	}
	t := c.w.h.list[n.typ]
	return t.kind == kindType && (off == c.subclasses || off >= t.basicsize)
}

// holderName names what a node belongs to by type.
func (w *Walk) holderName(n *node) string {
	through := "memory of unknown type"
	for depth := 0; depth < maxPath; depth++ {
		if !n.isBlock() {
			name := w.h.nameOf(w.h.list[n.typ])
			if depth > 0 {
				name = through + " of " + name
			}
			return name
		}
		if p := w.planOf(n); p != nil && depth == 0 {
			through = p.name
		}
		if n.parent < 0 {
			return through + " of " + w.rootOwner(&w.roots[-1-n.parent])
		}
		n = &w.nodes[n.parent]
	}
	return through
}

// exported pins what C code has been given the address of: exporters of buffers, and the objects of ctypes.
func (c *classifier) exported(n *node) {
	h := c.w.h
	t := h.list[n.typ]
	switch {
	case t.kind == kindByteArray:
		if f, err := h.lay.Field("PyByteArrayObject", "ob_exports"); err == nil {
			if exports, _ := h.view.u32(n.addr + f.Offset); exports != 0 {
				c.pin(n.addr, func() string { return "a buffer that is exported" })
			}
		}
	case h.nameOf(t) == "builtins.managedbuffer" || h.nameOf(t) == "builtins.memoryview":
		c.pin(n.addr, func() string { return "a view of a buffer" })
		if f, err := h.lay.Field("_PyManagedBufferObject", "master.obj"); err == nil && h.nameOf(t) == "builtins.managedbuffer" {
			if p, _ := h.view.u64(n.addr + f.Offset); p != 0 {
				c.pin(p, func() string { return "a buffer that is exported" })
			}
		}
	case c.isCtypes(t):
		c.pin(n.addr, func() string { return "memory of ctypes, whose address C code may have" })
	}
}

// isCtypes says whether objects of t are memory that ctypes hands to C code.
func (c *classifier) isCtypes(t *typeInfo) bool {
	is, known := c.ctypes[t]
	if !known {
		for b, i := t, 0; b != nil && i < maxBaseDepth && !is; b, i = b.base, i+1 {
			name := c.w.h.nameOf(b)
			is = name == "_ctypes._CData" || name == "_ctypes.CThunkObject"
		}
		c.ctypes[t] = is
	}
	return is
}

// staticPins looks at the static data of libraries: a variable that DWARF calls a pointer can be corrected, any other
// word that looks like one pins.
func (c *classifier) staticPins() {
	h := c.w.h
	vars := map[string]*staticVars{}
	for _, rg := range h.staticData() {
		m, lay := h.moduleAt(rg[0])
		if lay != nil && vars[m.Path] == nil {
			vars[m.Path] = newStaticVars(h, lay)
		}
		b := h.view.clip(rg[0], rg[1]-rg[0])
		h.work += uint64(len(b)) / 8
		for off := uint64(0); off+8 <= uint64(len(b)); off += 8 {
			p, at := le64(b, off), rg[0]+off
			if p-h.view.lo >= h.view.hi-h.view.lo || h.isStatic(p) {
				continue
			}
			if i, ok := c.w.nodeAround(p); !ok || c.pins[i] != 0 {
				continue
			}
			if _, ok := c.w.nodeAround(at); ok || vars[m.Path].isPointer(Addr(at)-m.Bias) {
				continue // a static object's, or a state's; or a variable's
			}
			c.pin(p, func() string { return "a word that may be a pointer, in static data of " + filepath.Base(m.Path) })
		}
	}
}

// staticVars are the variables of a file by address.
type staticVars struct {
	h     *Heap
	lay   *symbols.Layout
	vars  []symbols.Var
	words map[int][]planWord // of a variable, once asked for
}

func newStaticVars(h *Heap, lay *symbols.Layout) *staticVars {
	s := &staticVars{h: h, lay: lay, words: map[int][]planWord{}}
	lay.Vars(func(v symbols.Var) { s.vars = append(s.vars, v) })
	slices.SortFunc(s.vars, func(a, b symbols.Var) int { return cmp.Compare(a.Addr, b.Addr) })
	return s
}

// isPointer says whether a pointer of a variable lies at a.
func (s *staticVars) isPointer(a Addr) bool {
	if s == nil {
		return false
	}
	i, ok := slices.BinarySearchFunc(s.vars, a, func(v symbols.Var, a Addr) int { return cmp.Compare(v.Addr, a) })
	if !ok {
		i--
	}
	if i < 0 || uint64(a-s.vars[i].Addr) >= s.vars[i].Size {
		return false
	}
	words, known := s.words[i]
	if !known {
		words = (&planner{h: s.h, lay: s.lay}).one(&s.vars[i].Type, 0, 0)
		s.words[i] = words
	}
	off := uint64(a - s.vars[i].Addr)
	return slices.ContainsFunc(words, func(w planWord) bool { return w.off == off && w.kind != wordUnknown })
}
