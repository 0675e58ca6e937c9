package pyheap

// Values of _PyInterpreterFrame.owner and gi_frame_state.
const (
	ownedByFrameObject = 2
	ownedByCStack      = 3 // 3.12 and later: an entry frame, which has no code worth showing
	frameCleared       = 4 // until 3.14; since then genStates has them all
)

const maxSlots = 1 << 17 // locals and stack of one frame

// untag clears the tag bits of a _PyStackRef (3.14); a tagged int is no pointer.
func (h *Heap) untag(p uint64) uint64 {
	if !h.atLeast(14) {
		return p
	}
	if p&3 == 3 {
		return 0
	}
	return p &^ 3
}

// slots gives the number of locals (with cells and free variables) and of stack entries of a code
// object.
func (h *Heap) slots(code uint64) (locals, stack uint64, ok bool) {
	o := &h.off.code
	t, err := h.typeOf(code)
	if err != nil || t.kind != kindCode {
		return 0, 0, false
	}
	s, _ := h.view.u32(code + o.stacksize)
	stack = uint64(s)
	if o.nlocalsplus != absent {
		n, _ := h.view.u32(code + o.nlocalsplus)
		locals = uint64(n)
	} else {
		n, _ := h.view.u32(code + o.nlocals)
		locals = uint64(n)
		for _, names := range []uint64{o.cellvars, o.freevars} {
			p, _ := h.view.u64(code + names)
			n, _ := h.view.u64(p + h.off.obSize)
			locals += min(n, maxSlots)
		}
	}
	return locals, stack, locals <= maxSlots && stack <= maxSlots
}

// visitFrame reads an interpreter frame: its fields, its locals and its stack. A frame that runs
// does not store how deep its stack is; then all slots are read, as words that may be rubbish.
func (h *Heap) visitFrame(v visitor, f uint64) {
	o := &h.off.frame
	for _, off := range []uint64{o.fn, o.globals, o.builtins, o.locals, o.code, o.frameObj} {
		if off == absent {
			continue
		}
		if p, ok := h.view.u64(f + off); ok && h.untag(p) != 0 {
			v.edge(edgeFrame, h.untag(p), off)
		}
	}
	code, _ := h.view.u64(f + o.code)
	locals, stack, ok := h.slots(h.untag(code))
	if !ok {
		return
	}
	h.work += locals + stack
	depth, known := h.stackDepth(f, locals, stack)
	b := h.view.clip(f+o.localsplus, (locals+stack)*8)
	for i := uint64(0); i < uint64(len(b))/8; i++ {
		p := h.untag(le64(b, i*8))
		switch {
		case p == 0:
		case i < locals:
			v.edge(edgeLocal, p, i)
		case !known || i < locals+depth:
			v.edge(edgeStack, p, i-locals)
		}
	}
}

// stackDepth gives how many stack entries are in use, where the frame says so.
func (h *Heap) stackDepth(f, locals, stack uint64) (depth uint64, known bool) {
	o := &h.off.frame
	switch {
	case o.stacktop != absent && h.off.frame.interpreterFrames(): // 3.11 to 3.13: index, -1 while it runs
		n, _ := h.view.u32(f + o.stacktop)
		if top := int64(int32(n)); top >= int64(locals) && top <= int64(locals+stack) {
			return uint64(top) - locals, true
		}
	case o.stackpointer != absent: // 3.14: pointer, NULL while it runs
		p, _ := h.view.u64(f + o.stackpointer)
		if n := (p - f - o.localsplus) / 8; p > f && n >= locals && n <= locals+stack {
			return n - locals, true
		}
	case o.oldStackdepth != absent: // 3.10
		n, _ := h.view.u32(f + o.oldStackdepth)
		if d := int64(int32(n)); d >= 0 && d <= int64(stack) {
			return uint64(d), true
		}
	}
	return 0, false
}

// visitFrameObject reads a PyFrameObject. The frame that it stands for belongs to it when the
// activation has ended; while that runs it is read as well, since f_locals shows it.
func (h *Heap) visitFrameObject(v visitor, a uint64) {
	o := &h.off.frame
	h.field(v, a, o.objBack)
	h.field(v, a, o.objTrace)
	if !o.interpreterFrames() {
		h.visitFrame(v, a)
		return
	}
	if f, ok := h.view.u64(a + o.objFrame); ok && f != 0 {
		h.visitFrame(v, f)
	}
}

// visitGen reads a generator, coroutine or asynchronous generator with the frame inside it.
func (h *Heap) visitGen(v visitor, a uint64, t *typeInfo) {
	o := &h.off.frame
	if o.genState == absent { // until 3.10 the frame is an object
		h.scanObject(v, a, t, h.off.objectSize, h.off.frame.genSize)
		return
	}
	h.scanObject(v, a, t, h.off.objectSize, o.genFrame)
	cleared := int8(frameCleared)
	if h.atLeast(15) {
		cleared = int8(len(genStates)) - 1
	}
	if st, ok := h.view.u8(a + o.genState); ok && int8(st) < cleared {
		h.visitFrame(v, a+o.genFrame)
	} else if ok && h.atLeast(14) { // gen_traverse: a cleared frame keeps its code (gh-125723)
		if p, _ := h.view.u64(a + o.genFrame + o.code); h.untag(p) != 0 {
			v.edge(edgeFrame, h.untag(p), o.code)
		}
	}
}

// frameOwnerSize gives the size of a generator or frame object: what its code asks for. They have a
// tp_itemsize but no ob_size.
func (h *Heap) frameOwnerSize(a uint64, t *typeInfo) uint64 {
	o := &h.off.frame
	if !o.interpreterFrames() {
		if t.kind == kindGen {
			return t.basicsize
		}
		n, _ := h.view.u64(a + h.off.obSize)
		return t.basicsize + min(n, maxSlots)*8
	}
	frame := a + o.genFrame
	if t.kind == kindFrame {
		f, _ := h.view.u64(a + o.objFrame)
		if f != a+o.objData {
			return t.basicsize // it stands for a frame elsewhere
		}
		frame = f
	}
	code, _ := h.view.u64(frame + o.code)
	locals, stack, ok := h.slots(h.untag(code))
	if !ok {
		return t.basicsize
	}
	return frame - a + o.localsplus + (locals+stack)*8
}
