package pyheap

import (
	"cmp"
	"slices"
	"strings"

	"pyfreeze/symbols"
)

// structsOf are the C structs of types whose PyFoo_Type does not say it, and whose functions do not
// either.
var structsOf = map[string]string{
	"_io.FileIO": "fileio", "_io.BufferedReader": "buffered", "_io.BufferedWriter": "buffered",
	"_io.BufferedRandom": "buffered", "_io.TextIOWrapper": "textio", "_io.BytesIO": "bytesio",
	"_io.StringIO": "stringio", "functools.partial": "partialobject", "builtins.property": "propertyobject",
	"collections.deque": "dequeobject", "collections.defaultdict": "defdictobject",
	"builtins.classmethod": "classmethod", "builtins.staticmethod": "staticmethod",
	"builtins.mappingproxy": "mappingproxyobject", "builtins.type": "PyHeapTypeObject",
}

// structOf finds the C struct of t's objects; nil where the debug information does not tell.
func (h *Heap) structOf(t *typeInfo) *plan {
	if lay, st := h.structByName(t); st != nil {
		return h.planOfStruct(lay, st)
	}
	for _, fn := range h.functionsOf(t) {
		if lay, st := h.structByFunction(t, fn); st != nil {
			return h.planOfStruct(lay, st)
		}
	}
	return nil
}

// structByName: PyFunction_Type is that of PyFunctionObject.
func (h *Heap) structByName(t *typeInfo) (*symbols.Layout, *symbols.Struct) {
	var names []string
	if s := structsOf[h.nameOf(t)]; s != "" {
		names = append(names, s)
	}
	m, lay := h.moduleAt(t.addr)
	if lay != nil {
		if sym, off, ok := lay.SymbolAt(Addr(t.addr) - m.Bias); ok && off == 0 {
			name, _, _ := strings.Cut(sym.Name, ".")
			if base, ok := strings.CutSuffix(name, "_Type"); ok {
				names = append(names, base+"Object", strings.TrimPrefix(base, "_")+"Object")
			}
		}
	}
	for _, lay := range []*symbols.Layout{lay, h.layoutOfDealloc(t), h.lay} {
		if lay != nil {
			if st, ok := lay.ObjectStruct(h.nameOf(t)); ok && h.fits(lay, t, st) {
				return lay, st
			}
		}
		for _, name := range names {
			if lay == nil {
				continue
			}
			for _, st := range lay.StructsNamed(name) {
				if h.fits(lay, t, st) {
					return lay, st
				}
			}
		}
	}
	return nil, nil
}

// structByFunction looks at what a function in a slot takes its objects for: the type of its first
// parameter or, where that is PyObject *, of a variable that it is assigned to.
func (h *Heap) structByFunction(t *typeInfo, fn uint64) (*symbols.Layout, *symbols.Struct) {
	m, lay := h.moduleAt(fn)
	if lay == nil {
		return nil, nil
	}
	f, ok := lay.FuncAt(Addr(fn) - m.Bias)
	if !ok {
		return nil, nil
	}
	try := f.Locals
	if len(f.Params) > 0 {
		try = append(slices.Clone(f.Params[:1]), try...)
	}
	for i := range try {
		r := &try[i].Type
		if r.Kind != symbols.KindPointer || r.Elem == nil || r.Elem.Tag == "_object" || r.Elem.Kind != symbols.KindStruct {
			continue
		}
		if st, err := lay.StructOf(*r.Elem); err == nil && h.fits(lay, t, st) {
			return lay, st
		}
	}
	return nil, nil
}

// fits checks a struct against tp_basicsize, which may leave out the array at its end.
func (h *Heap) fits(lay *symbols.Layout, t *typeInfo, st *symbols.Struct) bool {
	if st.Union || len(st.Fields) == 0 || st.Fields[0].Offset != 0 || !isObjectStruct(lay, &st.Fields[0].Type, 0) {
		return false
	}
	if st.Size == t.basicsize {
		return true
	}
	last := &st.Fields[len(st.Fields)-1]
	if last.Type.Kind == symbols.KindArray && last.Type.Count <= 1 || t.itemsize != 0 {
		return t.basicsize >= last.Offset && t.basicsize <= st.Size+8
	}
	return false
}

// typeSlots are the members of PyTypeObject that hold functions taking an object of the type.
var typeSlots = []string{"tp_dealloc", "tp_traverse", "tp_clear", "tp_repr", "tp_iternext", "tp_iter", "tp_call",
	"tp_hash", "tp_str", "tp_getattro", "tp_setattro", "tp_richcompare", "tp_init", "tp_finalize", "tp_new"}

const (
	maxSlotFunctions = 64
	methodDefSize    = 32 // PyMethodDef: ml_name, ml_meth, ml_flags, ml_doc
	getSetDefSize    = 40 // PyGetSetDef: name, get, set, doc, closure
)

// functionsOf lists functions that take objects of t.
func (h *Heap) functionsOf(t *typeInfo) []uint64 {
	var out []uint64
	add := func(at uint64) {
		if fn, ok := h.view.u64(at); ok && fn != 0 && len(out) < maxSlotFunctions && !slices.Contains(out, fn) {
			out = append(out, fn)
		}
	}
	for _, off := range h.off.typ.slots {
		add(t.addr + off)
	}
	for _, table := range []struct{ at, first, stride uint64 }{
		{h.off.typ.methods, 8, methodDefSize}, {h.off.typ.getset, 8, getSetDefSize},
	} {
		p, _ := h.view.u64(t.addr + table.at)
		for i := uint64(0); p != 0 && i < maxSlotFunctions; i++ {
			if name, ok := h.view.u64(p + i*table.stride); !ok || name == 0 {
				break
			}
			add(p + i*table.stride + table.first)
		}
	}
	for _, as := range h.off.typ.tables {
		p, _ := h.view.u64(t.addr + as)
		for i := uint64(0); p != 0 && i < 8; i++ {
			add(p + i*8)
		}
	}
	return out
}

// moduleAt gives the ELF file mapped at a with its layout; nil where it has no debug information.
func (h *Heap) moduleAt(a uint64) (symbols.Module, *symbols.Layout) {
	m, ok := h.moduleOf(a)
	if !ok {
		return m, nil
	}
	return m, h.layoutOfModule(m)
}

// moduleOf gives the ELF file mapped at a.
func (h *Heap) moduleOf(a uint64) (symbols.Module, bool) {
	if h.in.Module.Range.Contains(Addr(a)) {
		return h.in.Module, true
	}
	if h.modulesSorted == nil {
		for _, m := range h.modulesByPath() {
			h.modulesSorted = append(h.modulesSorted, m)
		}
		slices.SortFunc(h.modulesSorted, func(a, b symbols.Module) int { return cmp.Compare(a.Range.Start, b.Range.Start) })
	}
	i, ok := slices.BinarySearchFunc(h.modulesSorted, Addr(a), func(m symbols.Module, a Addr) int {
		if m.Range.Contains(a) {
			return 0
		}
		return cmp.Compare(m.Range.Start, a)
	})
	if !ok {
		return symbols.Module{}, false
	}
	return h.modulesSorted[i], true
}

// layoutOfModule gives the layout of an ELF file; nil where it has no debug information.
func (h *Heap) layoutOfModule(m symbols.Module) *symbols.Layout {
	if m.Path == h.in.Module.Path {
		return h.lay
	}
	lay, known := h.layouts[m.Path]
	if !known {
		// What has no debug information is read conservatively.
		lay, _ = symbols.LoadModuleLayout(h.ctx, m.File, h.lay)
		h.layouts[m.Path] = lay
	}
	return lay
}

// layoutOfDealloc gives the layout of the file that t's destructor lies in.
func (h *Heap) layoutOfDealloc(t *typeInfo) *symbols.Layout {
	fn, _ := h.view.u64(t.addr + h.off.typ.dealloc)
	_, lay := h.moduleAt(fn)
	return lay
}
