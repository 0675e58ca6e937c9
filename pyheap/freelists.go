package pyheap

import (
	"strings"

	"pyfreeze/symbols"
)

// CPython keeps freed objects for reuse in free lists, whose slots go stale: a slot behind the number
// in use points to an object that lives again elsewhere. The type cache borrows what it points to.
// Neither keeps anything alive, so a walk must not begin there.

// staleStatics are static variables of that kind: of the interpreter until 3.9, and of modules.
var staleStatics = []string{"free_list", "freelist", "keys_free_list", "freeblocks", "method_cache",
	"ag_value_freelist", "ag_asend_freelist", "ctx_freelist", "memerrors_freelist", "slice_cache"}

// isStale says whether a member of the interpreter's state is of that kind.
func isStale(name string) bool {
	return strings.Contains(name, "freelist") || strings.Contains(name, "free_list") ||
		name == "slice_cache" || name == "func_version_cache" || name == "type_cache" || name == "method_cache"
}

const maxStructDepth = 6

// staleRanges gives the address ranges [from, to) to leave out.
func (h *Heap) staleRanges(interps []Addr) [][2]uint64 {
	var out [][2]uint64
	if st, err := h.lay.Struct("PyInterpreterState"); err == nil {
		for _, in := range interps {
			h.staleFields(st, uint64(in), 0, func(from, to uint64) { out = append(out, [2]uint64{from, to}) })
		}
	}
	for _, name := range staleStatics {
		for _, s := range h.lay.Symbols(name) {
			a := uint64(s.Addr) + uint64(h.in.Bias)
			out = append(out, [2]uint64{a, a + max(s.Size, 8)})
		}
	}
	for _, s := range h.lay.Symbols("cache") {
		if h.isDummyName(s.Addr) {
			a := uint64(s.Addr) + uint64(h.in.Bias)
			out = append(out, [2]uint64{a, a + 8})
		}
	}
	return out
}

// isDummyName says whether the variable at a link-time address is the one of _PyPegen_dummy_name (3.9 to 3.11,
// Parser/pegen.c, Parser/action_helpers.c): a void * into the memory of the first parse, which was freed after it and
// is anything now. _ctypes has a variable of that name too, a PyObject *, which owns what it points to.
func (h *Heap) isDummyName(a Addr) bool {
	v, ok := h.lay.VarAt(a)
	return !ok || v.Type.Kind == symbols.KindPointer && (v.Type.Elem == nil || v.Type.Elem.Kind == symbols.KindVoid)
}

func (h *Heap) staleFields(st *symbols.Struct, at uint64, depth int, emit func(from, to uint64)) {
	for i := range st.Fields {
		f := &st.Fields[i]
		if isStale(f.Name) {
			emit(at+f.Offset, at+f.Offset+f.Size)
			continue
		}
		if f.Type.Kind != symbols.KindStruct && f.Type.Kind != symbols.KindUnion || depth == maxStructDepth {
			continue
		}
		if inner, err := h.lay.StructOf(f.Type); err == nil {
			h.staleFields(inner, at+f.Offset, depth+1, emit)
		}
	}
}

// freeObjects accounts for the memory that stale ranges of static data lead to: it is neither free for
// pymalloc nor part of an object. Nothing that it refers to is kept alive by it.
func (w *Walk) freeObjects() {
	h := w.h
	first := len(w.nodes)
	visit := func(b []byte) {
		h.work += uint64(len(b)) / 8
		for i := uint64(0); i+8 <= uint64(len(b)); i += 8 {
			start, size, live, _ := h.alloc.block(le64(b, i))
			if !live {
				continue
			}
			s := h.view.find(start)
			if s == nil || w.marks.has(s, start) || h.holdsLive(s, start) {
				continue
			}
			w.add(s, edgeWord, 0, node{addr: start, size: size, typ: uint32(blockFree)})
		}
	}
	for _, r := range w.stale {
		w.from(root{label: "free list"})
		visit(h.view.clip(r[0], r[1]-r[0]))
	}
	// Some lists are linked through the freed objects.
	for i := first; i < len(w.nodes) && !h.exhausted(); i++ {
		w.parent = int32(i)
		visit(h.view.clip(w.nodes[i].addr, min(w.nodes[i].size, maxLink)))
	}
}

// maxLink is how far into a freed object its link may lie: a tuple's is its first item.
const maxLink = 48

// holdsLive says whether a live object lies at the start of the block.
func (h *Heap) holdsLive(s *seg, start uint64) bool {
	for before := uint64(0); before <= 32 && start+before < s.end; before += 16 {
		if t := h.objectIn(s, start+before); t != nil && h.before(t) == before {
			return true
		}
	}
	return false
}

// typeCache follows the names in the cache of type attributes, which are all that it owns.
func (w *Walk) typeCache(interp uint64) {
	h := w.h
	for _, path := range []string{"types.type_cache.hashtable", "type_cache.hashtable"} {
		f, err := h.lay.Field("PyInterpreterState", path)
		if err != nil || f.Type.Elem == nil || f.Type.Elem.Size == 0 {
			continue
		}
		r := &resolver{lay: h.lay}
		name := r.must("type_cache_entry.name")
		for i := uint64(0); i < f.Size/f.Type.Elem.Size && r.err() == nil; i++ {
			w.from(root{label: "cache of type attributes"})
			w.pointer(edgeWord, interp+f.Offset+i*f.Type.Elem.Size+name)
		}
		return
	}
}
