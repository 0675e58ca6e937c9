package pyheap

// FrameAt reads the frame at an address that [Frame.Addr] gave for this process, or for the one that an
// image was taken of.
func (h *Heap) FrameAt(a Addr) (_ Frame, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	return h.readFrame(uint64(a))
}

// FrameOf gives the frame of a frame object, generator, coroutine or asynchronous generator, and the
// state it is in: "created", "suspended", "running", "finished"; "" for a frame object, whose state is
// that of what runs it. A finished one has no frame; nor has any other object: false.
func (h *Heap) FrameOf(obj Addr) (fr Frame, state string, ok bool) {
	defer h.begin(h.callLimit())()
	a := uint64(obj)
	t, err := h.typeOf(a)
	if err != nil || t.kind != kindFrame && t.kind != kindGen {
		return fr, "", false
	}
	at := a
	if t.kind == kindFrame && h.off.frame.interpreterFrames() {
		at, _ = h.view.u64(a + h.off.frame.objFrame)
	}
	if t.kind == kindGen {
		if at, state = h.generator(a); state == "finished" {
			return fr, state, true
		}
	}
	fr, err = h.readFrame(at)
	return fr, state, err == nil
}

// genStates are what the numbers from FRAME_CREATED to FRAME_CLEARED mean since 3.15
// (Include/internal/pycore_frame.h).
var genStates = [...]string{"created", "suspended", "suspended", "suspended", "running", "finished"}

// generator gives the frame of a generator and its state.
func (h *Heap) generator(a uint64) (frame uint64, state string) {
	o := &h.off.frame
	if o.genState == absent {
		return h.oldGenerator(a)
	}
	b, _ := h.view.u8(a + o.genState)
	if h.atLeast(15) {
		return a + o.genFrame, genStates[min(int(b), len(genStates)-1)]
	}
	created := int8(-2)
	if h.atLeast(13) {
		created = -3 // FRAME_SUSPENDED_YIELD_FROM came in between (gh-110805)
	}
	frame = a + o.genFrame
	switch st := int8(b); {
	case st == created:
		return frame, "created"
	case st < 0:
		return frame, "suspended"
	case st == 0:
		return frame, "running"
	}
	return frame, "finished"
}

// oldGenerator is generator until 3.10, where the frame is an object.
func (h *Heap) oldGenerator(a uint64) (frame uint64, state string) {
	o := &h.off.frame
	frame, _ = h.view.u64(a + o.genFrame)
	if frame == 0 {
		return 0, "finished"
	}
	r := &resolver{lay: h.lay}
	running := r.opt("PyFrameObject.f_executing", "PyGenObject.gi_running") // until 3.9
	if f := r.opt("PyFrameObject.f_state"); f != absent {                   // 3.10
		b, _ := h.view.u8(frame + f)
		switch st := int8(b); {
		case st == -2:
			return frame, "created"
		case st == -1:
			return frame, "suspended"
		case st == 0:
			return frame, "running"
		}
		return frame, "finished"
	}
	at := frame
	if !h.lay.Has("PyFrameObject", "f_executing") {
		at = a
	}
	if b, _ := h.view.u8(at + running); running != absent && b != 0 {
		return frame, "running"
	}
	if n, _ := h.view.u32(frame + o.oldLasti); int32(n) < 0 {
		return frame, "created"
	}
	return frame, "suspended"
}

// CodeStart gives the file of a code object and its first line.
func (h *Heap) CodeStart(code Addr) (file string, line int, ok bool) {
	defer h.begin(h.callLimit())()
	if code == 0 || h.want(uint64(code), kindCode, "a code object") != nil {
		return "", 0, false
	}
	return h.strField(uint64(code), h.off.code.filename), h.line(uint64(code), -1), true
}
