package pyheap

import "strings"

const (
	coroutineType  = "builtins.coroutine"
	opYieldFrom    = 72 // until 3.10 (Lib/opcode.py)
	resumeAfterYF  = 2  // argument of RESUME behind a yield from or await, in 3.11 and 3.12 (Python/ceval.c)
	suspendedInYF  = -1 // FRAME_SUSPENDED_YIELD_FROM, since 3.13 (Include/internal/pycore_frame.h)
	maxAwaitChain  = 1 << 12
	wrappedPointer = 16 // of the small objects that stand between: their only field, behind the head
)

// Awaits gives what a suspended coroutine, generator or asynchronous generator waits for: what it
// awaits, or yields from; false for one that does not.
func (h *Heap) Awaits(obj Addr) (Addr, bool) {
	defer h.begin(h.callLimit())()
	v, ok := h.awaits(uint64(obj))
	return Addr(v), ok
}

func (h *Heap) awaits(a uint64) (uint64, bool) {
	t, err := h.typeOf(a)
	if err != nil || t.kind != kindGen {
		return 0, false
	}
	frame, state := h.generator(a)
	if state != "suspended" || h.nameOf(t) != coroutineType && !h.yieldsFrom(a, frame) {
		return 0, false
	}
	p, _ := h.view.u64(frame + h.off.frame.code)
	locals, stack, ok := h.slots(h.untag(p))
	if !ok {
		return 0, false
	}
	depth, known := h.stackDepth(frame, locals, stack)
	if !known {
		depth, known = h.oldStackDepth(frame, locals)
	}
	if !known || depth == 0 || depth > stack {
		return 0, false
	}
	v, _ := h.view.u64(frame + h.off.frame.localsplus + (locals+depth-1)*8)
	v = h.untag(v)
	return v, h.isObject(v)
}

// oldStackDepth is stackDepth for 3.8 and 3.9, where a frame has pointers to its stack and to the
// top of it.
func (h *Heap) oldStackDepth(frame, locals uint64) (uint64, bool) {
	r := &resolver{lay: h.lay}
	top := r.opt("PyFrameObject.f_stacktop")
	if top == absent {
		return 0, false
	}
	p, _ := h.view.u64(frame + top)
	base := frame + h.off.frame.localsplus + locals*8
	return (p - base) / 8, p >= base
}

// yieldsFrom says whether a suspended generator stands in a yield from.
func (h *Heap) yieldsFrom(gen, frame uint64) bool {
	o := &h.off.frame
	if h.atLeast(13) {
		st, ok := h.view.u8(gen + o.genState)
		return ok && int8(st) == suspendedInYF
	}
	p, _ := h.view.u64(frame + o.code)
	code := h.untag(p)
	at := h.instrOffset(frame, code)
	if at < 0 {
		return false
	}
	if h.atLeast(11) {
		arg, ok := h.view.u8(code + h.off.code.bytecode + uint64(at) + 3)
		return ok && arg&3 >= resumeAfterYF
	}
	field := (&resolver{lay: h.lay}).opt("PyCodeObject.co_code")
	if field == absent {
		return false
	}
	text, _ := h.view.u64(code + field)
	op, ok := h.view.u8(text + h.off.seq.bytesData + uint64(at) + 2)
	return ok && op == opYieldFrom
}

// AwaitChain follows what a coroutine awaits to the end: the coroutines and generators on the way,
// itself first, and what the last one waits for, 0 where it waits for nothing: a future, a task, or
// any object.
func (h *Heap) AwaitChain(coro Addr) (chain []Addr, end Addr) {
	defer h.begin(h.callLimit())()
	seen := map[uint64]bool{}
	at := uint64(coro)
	for range maxAwaitChain {
		t, err := h.typeOf(at)
		if err != nil || seen[at] || h.exhausted() {
			return chain, end
		}
		seen[at] = true
		if t.kind == kindGen {
			chain = append(chain, Addr(at))
			next, ok := h.awaits(at)
			if !ok {
				return chain, 0
			}
			at = next
			continue
		}
		if inner, ok := h.standsFor(at, t); ok {
			at = inner
			continue
		}
		return chain, Addr(at)
	}
	return chain, end
}

// standsFor gives what an object of C code that is awaited stands for (Modules/_asynciomodule.c,
// Objects/genobject.c).
func (h *Heap) standsFor(a uint64, t *typeInfo) (uint64, bool) {
	switch strings.TrimPrefix(h.nameOf(t), "builtins.") {
	case "_asyncio.FutureIter", "FutureIter", "coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable":
		v, _ := h.view.u64(a + wrappedPointer)
		return v, h.isObject(v)
	}
	return 0, false
}
