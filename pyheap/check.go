package pyheap

import (
	"fmt"
	"slices"
	"strings"

	"pyfreeze/symbols"
)

// MismatchError says that layouts, which are not of the interpreter's own debug information, do not describe it.
type MismatchError struct {
	Source string // of the layouts
	What   string // does not fit
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s do not fit this interpreter: %s; install its debug information", e.Source, e.What)
}

// Check compares the layouts with the memory: what the interpreter says of itself, and what must be so in every interpreter. Open does it
// where the layouts are those that pyfreeze ships. The error is a *MismatchError.
func (h *Heap) Check() (err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	for _, check := range []func() string{h.checkDebugOffsets, h.checkTypes, h.checkBuiltins, h.checkState, h.checkThreads, h.checkMainThread, h.checkCollector, h.checkModules, h.checkArenas} {
		if what := check(); what != "" {
			return &MismatchError{h.lay.Source, what}
		}
	}
	return nil
}

// checkTypes compares the sizes of structs with those of the objects of the types that the interpreter exports.
func (h *Heap) checkTypes() string {
	seen, bad := 0, ""
	err := h.in.Module.File.Dynsyms(func(sym symbols.Sym) {
		base, ok := strings.CutSuffix(sym.Name, "_Type")
		if !ok || bad != "" {
			return
		}
		t := h.typeAt(uint64(sym.Addr + h.in.Bias))
		if t == nil {
			return // not ready in this process
		}
		if sym.Size != 0 && sym.Size != h.off.typ.size {
			bad = fmt.Sprintf("%s has %d bytes, PyTypeObject %d", sym.Name, sym.Size, h.off.typ.size)
			return
		}
		for _, name := range []string{base + "Object", strings.TrimPrefix(base, "_") + "Object"} {
			all := slices.DeleteFunc(h.lay.StructsNamed(name), func(st *symbols.Struct) bool {
				return len(st.Fields) == 0 || !isObjectStruct(h.lay, &st.Fields[0].Type, 0) // PyDictKeysObject is none
			})
			if len(all) == 0 {
				continue
			}
			seen++
			if !slices.ContainsFunc(all, func(st *symbols.Struct) bool { return h.fits(h.lay, t, st) }) && !h.exempt(t) {
				bad = fmt.Sprintf("objects of %s have %d bytes, %s %d", h.nameOf(t), t.basicsize, name, all[0].Size)
			}
			break
		}
	})
	if bad == "" && (err != nil || seen < minChecked) {
		bad = fmt.Sprintf("only %d of its types can be compared", seen)
	}
	return bad
}

// builtinFlags are the bits of tp_flags that tell subclasses of types (Include/object.h; the same in every version).
var builtinFlags = map[string]uint{"PyLong_Type": 24, "PyList_Type": 25, "PyTuple_Type": 26, "PyBytes_Type": 27, "PyUnicode_Type": 28, "PyDict_Type": 29, "PyType_Type": 31}

// checkBuiltins looks into some types that are always there.
func (h *Heap) checkBuiltins() string {
	for name, bit := range builtinFlags {
		a, ok := h.symbol(name)
		t := h.typeAt(a)
		if !ok || t == nil {
			return name + " is no type"
		}
		if t.flags>>24&0xff != 1<<(bit-24) {
			return fmt.Sprintf("tp_flags of %s are %#x", name, t.flags)
		}
		if _, ok := h.dictGet(h.typeDict(a), "__doc__"); !ok {
			return "the dict of " + name + " has no __doc__"
		}
		mro, _ := h.view.u64(a + h.off.typ.mro)
		if first, ok := h.view.u64(mro + h.off.seq.tupleItems); !ok || first != a {
			return "tp_mro of " + name + " does not begin with it"
		}
	}
	return ""
}

// minChecked is how many types every interpreter exports at least of those that have a struct named like them.
const minChecked = 20

// exempt says whether objects of a type begin with its struct and are longer, or are made otherwise.
func (h *Heap) exempt(t *typeInfo) bool { return t.kind == kindType || t.itemsize != 0 }

// checkState looks at the runtime and the main interpreter.
func (h *Heap) checkState() string {
	r := &resolver{lay: h.lay}
	mainOff := r.must("_PyRuntimeState.interpreters.main")
	own := r.opt("_PyRuntimeState._main_interpreter") // 3.11 (bpo-46008)
	if err := r.err(); err != nil {
		return err.Error()
	}
	if p, ok := h.view.u64(h.runtime + mainOff); !ok || p != h.main {
		return "the main interpreter is not the oldest of the list"
	}
	if own != absent && h.main != h.runtime+own {
		return fmt.Sprintf("the main interpreter is at %#x, not in _PyRuntime", h.main)
	}
	st, err := h.State()
	if err != nil {
		return "the state of the GIL cannot be read: " + err.Error()
	}
	states := map[Addr]bool{0: true}
	threads, err := h.Threads()
	if err != nil {
		return "the list of threads cannot be read: " + err.Error()
	}
	for _, t := range threads {
		states[t.Addr] = true
	}
	if st.GILLocked && !states[st.GILHolder] {
		return fmt.Sprintf("the GIL is held by %v, which is no thread state", st.GILHolder)
	}
	return ""
}

// checkThreads looks at the thread states: each knows its interpreter and its neighbours.
func (h *Heap) checkThreads() string {
	r := &resolver{lay: h.lay}
	interp, prev := r.must("PyThreadState.interp"), r.must("PyThreadState.prev")
	threads, err := h.Threads()
	if err != nil || r.err() != nil || len(threads) == 0 {
		return "no thread states"
	}
	before := Addr(0)
	for _, t := range threads {
		if in, ok := h.view.u64(uint64(t.Addr) + interp); !ok || Addr(in) != t.Interp {
			return fmt.Sprintf("the thread state at %v does not lead to its interpreter", t.Addr)
		}
		p, _ := h.view.u64(uint64(t.Addr) + prev)
		if Addr(p) != before && p != 0 {
			return fmt.Sprintf("the thread state at %v does not lead to the one before it", t.Addr)
		}
		before = t.Addr
	}
	return ""
}

// checkMainThread looks at what a thaw resets in the main thread's state, and at the key by which threads find theirs.
func (h *Heap) checkMainThread() string {
	threads, err := h.Threads()
	i := slices.IndexFunc(threads, func(t Thread) bool { return t.IsMain })
	if err != nil || i < 0 {
		return "no thread state is the main thread's"
	}
	ts := uint64(threads[i].Addr)
	r := &resolver{lay: h.lay}
	info, own := r.must("PyThreadState.exc_info"), r.must("PyThreadState.exc_state")
	previous := r.opt("_err_stackitem.previous_item")
	key := r.opt("_PyRuntimeState.autoTSSkey", "_PyRuntimeState.gilstate.autoTSSkey")
	current := r.opt("_PyRuntimeState.gilstate.tstate_current") // until 3.11
	remaining := r.opt("PyThreadState.py_recursion_remaining", "PyThreadState.recursion_remaining")
	limit := r.opt("PyThreadState.py_recursion_limit", "PyThreadState.recursion_limit")
	if err := r.err(); err != nil {
		return err.Error()
	}
	// Of the exceptions under way the outermost is the state's own, those of generators come before it.
	at, ok := h.view.u64(ts + info)
	for n := 0; ok && at != ts+own && at != 0 && previous != absent && n < maxExceptions; n++ {
		at, ok = h.view.u64(at + previous)
	}
	if at != ts+own {
		return "exc_info of the main thread does not lead to its exc_state"
	}
	if key != absent {
		made, _ := h.view.u32(h.runtime + key)
		index, _ := h.view.u32(h.runtime + key + 4)
		if made > 1 || index >= maxKeys { // in an image it is still to be made
			return fmt.Sprintf("autoTSSkey of _PyRuntime is {%d, %d}, no key of threads", made, index)
		}
	}
	if current != absent {
		if ts, _ := h.view.u64(h.runtime + current); ts != 0 && !slices.ContainsFunc(threads, func(t Thread) bool { return uint64(t.Addr) == ts }) {
			return fmt.Sprintf("the current thread state of _PyRuntime, %#x, is none", ts)
		}
	}
	if limit != absent {
		left, _ := h.view.u32(ts + remaining)
		most, _ := h.view.u32(ts + limit)
		if int32(most) <= 0 || int32(left) > int32(most) {
			return fmt.Sprintf("the main thread may recurse %d times of %d", int32(left), int32(most))
		}
	}
	return ""
}

const (
	maxExceptions = 1 << 12 // generators that are in except clauses, one inside the other
	maxKeys       = 1024    // PTHREAD_KEYS_MAX
)

// checkCollector looks at the lists of the garbage collector: the neighbours of each head lead back to it.
func (h *Heap) checkCollector() string {
	prev := (&resolver{lay: h.lay}).opt("PyGC_Head._gc_prev")
	lists := h.gcLists(h.main)
	if len(lists) == 0 || prev == absent {
		return "the garbage collector has no lists"
	}
	for _, head := range lists {
		next, ok := h.view.u64(head + h.off.gc.headNext)
		if !ok || next == 0 {
			return fmt.Sprintf("the list of the garbage collector at %#x leads nowhere", head)
		}
		back, ok := h.view.u64(next&^3 + prev)
		if !ok || back&^3 != head {
			return fmt.Sprintf("the list of the garbage collector at %#x is broken", head)
		}
	}
	return ""
}

// checkModules reads sys.modules: interpreter, dict, table of keys, str.
func (h *Heap) checkModules() string {
	for _, name := range []string{"sys", "builtins"} {
		m, ok := h.module(name)
		if !ok {
			return "sys.modules has no " + name
		}
		if got, ok := h.moduleName(uint64(m)); !ok || got != name {
			return "sys.modules[" + name + "] is not that module"
		}
	}
	return ""
}

// checkArenas makes sure that pymalloc's arenas are known where it is in use: memory that is taken for dead is not kept in an image.
func (h *Heap) checkArenas() string {
	if len(h.alloc.arenas) > 0 {
		return ""
	}
	m, _ := h.module("sys")
	t, err := h.typeOf(uint64(m))
	if err != nil {
		return "sys is no object"
	}
	start := uint64(m) - h.before(t)
	h.view.findChunks()
	if s := h.view.find(start); s != nil && s.chunks != nil {
		return "" // PYTHONMALLOC=malloc: in the chain of malloc's chunks
	}
	return "the arenas of pymalloc are not found"
}
