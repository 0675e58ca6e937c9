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
	for _, check := range []func() string{h.checkDebugOffsets, h.checkTypes, h.checkState, h.checkThreads, h.checkModules} {
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
	if !slices.ContainsFunc(threads, func(t Thread) bool { return t.IsMain }) {
		return "no thread state is the main thread's"
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
