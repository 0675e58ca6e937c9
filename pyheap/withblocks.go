package pyheap

import (
	"math"
	"slices"
)

const (
	// PyTryBlock: b_type, b_handler, b_level (Include/frameobject.h, until 3.10)
	tryBlockSize   = 12
	tryBlockLevel  = 8
	maxTryBlocks   = 20 // CO_MAXBLOCKS
	maxWithManager = 8  // managers in managers that are followed
)

// WithBlocks gives the context managers of the `with` and `async with` blocks that a frame is in,
// the outermost first: those whose __enter__ has returned. A manager that contextlib makes of a
// generator is followed by those of its generator, an ExitStack by those that were entered into it.
func (h *Heap) WithBlocks(frame Addr) (out []Addr) {
	defer h.begin(h.callLimit())()
	return h.withBlocks(uint64(frame), 0)
}

func (h *Heap) withBlocks(f uint64, depth int) (out []Addr) {
	p, _ := h.view.u64(f + h.off.frame.code)
	code := h.untag(p)
	locals, stack, ok := h.slots(code)
	if !ok || depth == maxWithManager {
		return nil
	}
	b := h.view.clip(f+h.off.frame.localsplus+locals*8, stack*8)
	at := func(i uint64) uint64 {
		if i >= uint64(len(b))/8 {
			return 0
		}
		return h.untag(le64(b, i*8))
	}
	for _, level := range h.handlerLevels(f, code) {
		m := uint64(0)
		if level > 0 {
			m = h.exitOf(at(level-1), 0)
		}
		if m == 0 && level > 1 {
			m = h.exitOf(at(level-2), at(level-1))
		}
		if m != 0 {
			out = append(append(out, Addr(m)), h.enteredBy(m, depth)...)
		}
	}
	return out
}

// handlerLevels gives how deep the stack of a frame is at the handlers of exceptions that are in
// force, the outermost first. What lies below is in use for certain; a `with` block leaves its
// __exit__ right below its own handler, which is in force once __enter__ has returned.
func (h *Heap) handlerLevels(f, code uint64) (out []uint64) {
	r := &resolver{lay: h.lay}
	if table := r.opt("PyCodeObject.co_exceptiontable"); table != absent {
		p, _ := h.view.u64(code + table)
		b, err := h.Bytes(Addr(p))
		if err != nil {
			return nil
		}
		h.work += uint64(len(b))
		for at, i := h.instrOffset(f, code), 0; at >= 0 && i < 4*maxTryBlocks; i++ {
			handler, level, ok := handlerAt(b, uint64(at))
			if !ok {
				break
			}
			// deeper is the stack of a handler that does not run
			if len(out) == 0 || level <= out[len(out)-1] {
				out = append(out, level)
			}
			at = int64(handler)
		}
	} else if n, blocks := r.opt("PyFrameObject.f_iblock"),
		r.opt("PyFrameObject.f_blockstack"); n != absent && blocks != absent {
		count, _ := h.view.u32(f + n)
		for i := uint64(0); i < uint64(min(count, maxTryBlocks)); i++ {
			level, _ := h.view.u32(f + blocks + i*tryBlockSize + tryBlockLevel)
			out = append([]uint64{uint64(level)}, out...)
		}
	}
	slices.Reverse(out)
	return slices.Compact(out)
}

// handlerAt looks up an exception table (Objects/exception_handling_notes.txt) for the instruction
// at an offset in bytes: the offset of its handler, and the depth of the stack there. Entries are
// four numbers: where the range starts, its length, the handler, and the depth with a flag; a
// number is of groups of six bits, the highest first, with 0x40 in all bytes but its last.
func handlerAt(table []byte, at uint64) (handler, depth uint64, ok bool) {
	number := func() (n uint64) {
		for len(table) > 0 {
			b := table[0]
			table = table[1:]
			n = n<<6 | uint64(b&63)
			if b&64 == 0 {
				break
			}
		}
		return n
	}
	for len(table) > 0 {
		start, length := number(), number()
		handler, depth = number(), number()>>1
		if at/2 >= start && at/2-start < length {
			return handler * 2 & math.MaxInt32, depth, true
		}
	}
	return 0, 0, false
}

// exitOf gives the context manager of an entry of a stack that is its __exit__ or __aexit__: the
// method bound to it, or from 3.14 on (gh-120507) the function, with the manager in the entry
// above.
func (h *Heap) exitOf(v, above uint64) uint64 {
	if !h.isObject(v) {
		return 0
	}
	t, err := h.typeOf(v)
	if err != nil {
		return 0
	}
	r := &resolver{lay: h.lay}
	name, self := "", uint64(0)
	typ := h.nameOf(t)
	if above != 0 && (typ == "builtins.builtin_function_or_method" || typ == "builtins.method") {
		return 0 // it is bound: nothing above it is its own
	}
	switch typ {
	case "builtins.builtin_function_or_method":
		def, _ := h.view.u64(v + r.opt("PyCFunctionObject.m_ml"))
		p, _ := h.view.u64(def + r.opt("PyMethodDef.ml_name"))
		name, _ = h.view.cstring(p, maxName)
		self, _ = h.view.u64(v + r.opt("PyCFunctionObject.m_self"))
	case "builtins.method":
		fn, _ := h.view.u64(v + r.opt("PyMethodObject.im_func"))
		name = h.functionName(fn)
		self, _ = h.view.u64(v + r.opt("PyMethodObject.im_self"))
	case "builtins.method_descriptor", "builtins.function":
		name, self = h.functionName(v), above
	}
	if name != "__exit__" && name != "__aexit__" || !h.isObject(self) {
		return 0
	}
	return self
}

// functionName gives the __name__ of a function, or of a method of a type of C code; "" of anything
// else.
func (h *Heap) functionName(a uint64) string {
	t, err := h.typeOf(a)
	if err != nil {
		return ""
	}
	field := map[string]string{"builtins.function": "PyFunctionObject.func_name",
		"builtins.method_descriptor": "PyDescrObject.d_name"}[h.nameOf(t)]
	if off := (&resolver{lay: h.lay}).opt(field); field != "" && off != absent {
		return h.strField(a, off)
	}
	return ""
}

// enteredBy gives the managers that a manager of contextlib has entered.
func (h *Heap) enteredBy(m uint64, depth int) (out []Addr) {
	t, err := h.typeOf(m)
	if err != nil {
		return nil
	}
	attr := func(obj Addr, name string) Addr {
		a, err := h.Attr(obj, name)
		if err != nil {
			return 0
		}
		return a
	}
	switch h.nameOf(t) {
	case "contextlib._GeneratorContextManager", "contextlib._AsyncGeneratorContextManager":
		gen := uint64(attr(Addr(m), "gen"))
		if gt, err := h.typeOf(gen); err == nil && gt.kind == kindGen {
			if f, state := h.generator(gen); state == "suspended" {
				return h.withBlocks(f, depth+1)
			}
		}
	case "contextlib.ExitStack", "contextlib.AsyncExitStack":
		items, _, err := h.Items(attr(Addr(m), "_exit_callbacks"), maxTryBlocks)
		if err != nil {
			return nil
		}
		for _, it := range items { // (whether it is no coroutine, the bound method)
			pair, err := h.TupleItems(it.Value, 2)
			if err != nil || len(pair) != 2 {
				continue
			}
			if in := h.exitOf(uint64(pair[1]), 0); in != 0 && !slices.Contains(out, Addr(in)) {
				out = append(append(out, Addr(in)), h.enteredBy(in, depth+1)...)
			}
		}
	}
	return out
}
