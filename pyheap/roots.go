package pyheap

import (
	"cmp"
	"fmt"
	"slices"

	"pyfreeze/symbols"
)

// rootKind says what kind of thing holds an object that nothing else was found to hold before.
type rootKind uint8

const (
	rootNamed  rootKind = iota // label says it all
	rootStatic                 // a word of a library's writable data; at is its address
	rootFrame                  // a frame; at is its address
	rootThread                 // a word of a thread state; at is its address
	rootGC                     // a list of the collector
	rootStack                  // a word of the main thread's C stack
)

// root is where a path begins.
type root struct {
	kind  rootKind
	edge  edgeKind
	at    uint64
	arg   uint64
	label string
}

// holds says whether what the root refers to is kept alive by it: the lists of the collector keep
// nothing, and most words of a C stack are left over.
func (r *root) holds() bool { return r.kind != rootGC && r.kind != rootStack }

// from sets what the edges that follow are attributed to.
func (w *Walk) from(r root) { w.root, w.parent = r, -1 }

// walkRoots is the first phase: modules before anything else, so that paths begin with them.
func (w *Walk) walkRoots() error {
	h := w.h
	r := &resolver{lay: h.lay}
	modules := r.must("PyInterpreterState.imports.modules", "PyInterpreterState.modules")
	tstateSize := r.size("PyThreadState")
	interpSize := r.size("PyInterpreterState")
	if err := r.err(); err != nil {
		return err
	}
	interps, err := h.Interpreters()
	if err != nil {
		return err
	}
	// Thread states belong to the second phase: nothing may follow them before.
	for _, t := range w.tstates {
		w.from(root{label: "thread state"})
		w.block(blockState, uint64(t.Addr), tstateSize)
	}
	w.tstateSize = tstateSize
	for _, a := range interps { // what it refers to is read below, by name
		w.from(root{label: "interpreter state"})
		w.block(blockState, uint64(a), interpSize)
	}
	for i := len(interps) - 1; i >= 0; i-- {
		w.from(root{label: "sys.modules"})
		w.pointer(edgeField, uint64(interps[i])+modules)
	}
	if err := w.drain(); err != nil {
		return err
	}
	for i := len(interps) - 1; i >= 0; i-- {
		prefix := "interp->"
		if uint64(interps[i]) != h.main {
			prefix = fmt.Sprintf("interp at %v->", interps[i])
		}
		w.fields("PyInterpreterState", uint64(interps[i]), prefix, nil)
	}
	for _, t := range w.tstates {
		if t.IsMain {
			w.fields("PyThreadState", uint64(t.Addr), mainThreads, keptOfThread)
		}
	}
	if err := w.drain(); err != nil {
		return err
	}
	w.stale = h.staleRanges(interps)
	w.skip = slices.Clone(w.stale)
	for _, t := range w.tstates {
		w.skip = append(w.skip, [2]uint64{uint64(t.Addr), uint64(t.Addr) + tstateSize})
	}
	slices.SortFunc(w.skip, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	w.typedStatics()
	if err := w.drain(); err != nil {
		return err
	}
	for _, in := range interps {
		w.typeCache(uint64(in))
		w.scanStatic(uint64(in), uint64(in)+interpSize)
	}
	for _, rg := range h.staticData() {
		w.scanStatic(rg[0], rg[1])
	}
	return w.drain()
}

// keptOfThread are the fields of the main thread state that live on when its frames are abandoned.
var keptOfThread = map[string]bool{"dict": true, "context": true, "c_profileobj": true, "c_traceobj": true}

func (w *Walk) pointer(k edgeKind, at uint64) {
	if p, ok := w.h.view.u64(at); ok && p != 0 {
		w.edge(k, p, 0)
	}
}

// fields follows the members of a struct that are pointers to objects.
func (w *Walk) fields(typ string, at uint64, prefix string, only map[string]bool) {
	st, err := w.h.lay.Struct(typ)
	if err != nil {
		return
	}
	for i := range st.Fields {
		f := &st.Fields[i]
		if isObjectPointer(&f.Type) && (only == nil || only[f.Name]) {
			w.from(root{label: prefix + f.Name})
			w.pointer(edgeField, at+f.Offset)
		}
	}
}

func isObjectPointer(t *symbols.TypeRef) bool {
	return t.Kind == symbols.KindPointer && t.Elem != nil && t.Elem.Tag == "_object"
}

// scanStatic follows the words of [from, to) that may be pointers, but for ranges to skip.
func (w *Walk) scanStatic(from, to uint64) {
	i, _ := slices.BinarySearchFunc(w.skip, from, func(r [2]uint64, a uint64) int { return cmp.Compare(r[1], a+1) })
	for ; i < len(w.skip) && w.skip[i][0] < to; i++ {
		w.scanRoots(from, w.skip[i][0], rootStatic)
		from = max(from, (w.skip[i][1]+7)&^7)
	}
	w.scanRoots(from, to, rootStatic)
}

// scanRoots follows the words of [from, to) that may be pointers.
func (w *Walk) scanRoots(from, to uint64, kind rootKind) {
	if from >= to {
		return
	}
	b := w.h.view.clip(from, to-from)
	lo, span := w.h.view.lo, w.h.view.hi-w.h.view.lo
	w.h.work += uint64(len(b)) / 8
	for i := uint64(0); i+8 <= uint64(len(b)); i += 8 {
		if p := le64(b, i); p-lo < span && p&7 == 0 {
			w.from(root{kind: kind, at: from + i})
			w.edge(edgeWord, p, 0)
		}
	}
}

// walkFrames is the second phase: frames, exceptions being handled, and what else a thread holds.
func (w *Walk) walkFrames() error {
	for _, t := range w.tstates {
		// A chain that is damaged gives the frames before the damage.
		_ = w.h.eachFrame(uint64(t.Addr), func(f uint64) {
			w.from(root{kind: rootFrame, at: f})
			w.h.visitFrame(w, f)
		})
	}
	if err := w.drain(); err != nil {
		return err
	}
	for _, t := range w.tstates {
		w.scanRoots(uint64(t.Addr), uint64(t.Addr)+w.tstateSize, rootThread)
	}
	return w.drain()
}

// walkGC is the third phase: objects that the collector knows and nothing found so far refers to.
func (w *Walk) walkGC() error {
	interps, err := w.h.Interpreters()
	if err != nil {
		return err
	}
	for _, in := range interps {
		for _, head := range w.h.gcLists(uint64(in)) {
			w.gcList(head)
		}
	}
	if err := w.drain(); err != nil {
		return err
	}
	w.freeObjects()
	// Last, since most of a stack is left over from calls that returned: what C code that has not returned holds,
	// as the syntax tree of a script while it runs.
	w.fromStack = len(w.nodes)
	for i := range w.h.view.segs {
		if s := &w.h.view.segs[i]; s.path == "[stack]" {
			w.scanRoots(w.stackStart(s), s.end, rootStack)
		}
	}
	return w.drain()
}

// stackStart gives where the part of a stack begins that is in use.
func (w *Walk) stackStart(s *seg) uint64 {
	const redZone = 128 // a function may keep data so far below its stack pointer (System V ABI)
	start := s.start
	for _, sp := range w.opt.Stacks {
		if sp := uint64(sp); sp >= s.start+redZone && sp < s.end {
			start = max(start, (sp-redZone)&^7)
		}
	}
	return start
}

// gcList notes the objects of a list. It ends at its head; one that does not is left after as many
// steps as objects could fit into memory.
func (w *Walk) gcList(head uint64) {
	h := w.h
	limit := h.size / 32
	p, ok := h.view.u64(head + h.off.gc.headNext)
	for i := uint64(0); ok && p != head && p != 0 && i < limit; i++ {
		w.from(root{kind: rootGC, at: p})
		w.edge(edgeField, p+h.off.gc.headSize, 0)
		p, ok = h.view.u64(p + h.off.gc.headNext)
		p &^= 3 // flags while a collection runs, and in 3.14
	}
}

// gcLists gives the heads of the collector's lists.
func (h *Heap) gcLists(interp uint64) []uint64 {
	o := &h.off.gc
	gc := interp + o.interpGC
	if o.interpGC == absent {
		if interp != h.main || o.runtimeGC == absent {
			return nil
		}
		gc = h.runtime + o.runtimeGC
	}
	var out []uint64
	for i := uint64(0); i < 3 && o.generations != absent; i++ {
		out = append(out, gc+o.generations+i*o.generationSize)
	}
	if o.young != absent {
		out = append(out, gc+o.young)
	}
	for i := uint64(0); i < 2 && o.old != absent; i++ {
		out = append(out, gc+o.old+i*o.generationSize)
	}
	if o.permanent != absent {
		out = append(out, gc+o.permanent)
	}
	return out
}
