package pyheap

// Exception is an exception with what Python's traceback shows of it.
type Exception struct {
	Addr      Addr
	TypeName  string
	Repr      string
	Notes     []string
	Frames    []Frame // of its traceback, the newest last, at the lines where they raised or called
	Cause     Addr    // raise ... from
	Context   Addr    // the one that was being handled
	Suppress  bool    // the context is not shown
	Truncated bool    // more frames than are read
}

const (
	maxTraceback = 1 << 12
	maxNotes     = 64
)

// IsException says whether an object is an exception.
func (h *Heap) IsException(obj Addr) bool {
	t, err := h.typeOf(uint64(obj))
	return err == nil && t.flags&flagException != 0 && t.kind != kindType
}

// Handled gives the exceptions that a thread is handling (sys.exc_info()), the innermost first, and
// the one that is being raised.
func (h *Heap) Handled(tstate Addr) (out []Addr) {
	defer h.begin(h.callLimit())()
	r := &resolver{lay: h.lay}
	add := func(v uint64) {
		if h.isObject(v) && h.IsException(Addr(v)) {
			out = append(out, Addr(v))
		}
	}
	if off := r.opt("PyThreadState.current_exception", "PyThreadState.curexc_value"); off != absent {
		v, _ := h.view.u64(uint64(tstate) + off)
		add(v)
	}
	info, value := r.opt("PyThreadState.exc_info"), r.opt("_PyErr_StackItem.exc_value", "_err_stackitem.exc_value")
	before := r.opt("_PyErr_StackItem.previous_item", "_err_stackitem.previous_item")
	if info == absent || value == absent || before == absent {
		return out
	}
	at, ok := h.view.u64(uint64(tstate) + info)
	for n := 0; ok && at != 0 && n < maxExceptions; n++ {
		v, _ := h.view.u64(at + value)
		add(v)
		at, ok = h.view.u64(at + before)
	}
	return out
}

// ReadException reads an exception and its traceback.
func (h *Heap) ReadException(obj Addr) (e Exception, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	if !h.isObject(uint64(obj)) || !h.IsException(obj) {
		return e, &ObjectError{Addr: obj, Want: "an exception"}
	}
	a := uint64(obj)
	t, err := h.typeOf(a)
	if err != nil {
		return e, err
	}
	e = Exception{Addr: obj, TypeName: h.nameOf(t), Repr: h.Repr(obj, 400)}
	r := &resolver{lay: h.lay}
	at := func(field string) uint64 {
		off := r.opt("PyBaseExceptionObject." + field)
		if off == absent {
			return 0
		}
		v, _ := h.view.u64(a + off)
		return v
	}
	exception := func(v uint64) Addr {
		if v != 0 && h.isObject(v) && h.IsException(Addr(v)) {
			return Addr(v)
		}
		return 0
	}
	e.Cause, e.Context = exception(at("cause")), exception(at("context"))
	if off := r.opt("PyBaseExceptionObject.suppress_context"); off != absent {
		b, _ := h.view.u8(a + off)
		e.Suppress = b != 0
	}
	if notes, err := h.Attr(obj, "__notes__"); err == nil { // 3.11
		items, _, err := h.Items(notes, maxNotes)
		for i := 0; err == nil && i < len(items); i++ {
			if s, err := h.str(uint64(items[i].Value), 1<<16); err == nil {
				e.Notes = append(e.Notes, s)
			}
		}
	}
	e.Frames, e.Truncated = h.traceback(at("traceback"))
	return e, nil
}

// traceback gives the frames of a traceback, oldest first.
func (h *Heap) traceback(tb uint64) (out []Frame, truncated bool) {
	r := &resolver{lay: h.lay}
	next, frame := r.opt("PyTracebackObject.tb_next"), r.opt("PyTracebackObject.tb_frame")
	lasti, lineno := r.opt("PyTracebackObject.tb_lasti"), r.opt("PyTracebackObject.tb_lineno")
	if next == absent || frame == absent || lasti == absent || lineno == absent {
		return nil, false
	}
	for tb != 0 && h.isObject(tb) {
		if len(out) == maxTraceback || h.exhausted() {
			return out, true
		}
		f, _ := h.view.u64(tb + frame)
		at, ok := h.frameIn(f)
		if !ok {
			break
		}
		fr, err := h.readFrame(at)
		if err != nil {
			break
		}
		line, _ := h.view.u32(tb + lineno)
		if fr.Line = int(int32(line)); fr.Line < 0 { // computed when it is asked for, since 3.12
			i, _ := h.view.u32(tb + lasti)
			fr.Line = h.line(uint64(fr.Code), int64(int32(i)))
		}
		out = append(out, fr)
		if tb, ok = h.view.u64(tb + next); !ok {
			break
		}
	}
	return out, false
}
