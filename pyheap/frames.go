package pyheap

import "slices"

// Frame is one activation of Python code.
type Frame struct {
	Addr     Addr // _PyInterpreterFrame; PyFrameObject before 3.11
	Code     Addr
	Name     string
	Qualname string // Name before 3.11
	File     string
	Line     int // 0 when the code has no line there
	Locals   []Local
}

// Local is a local, cell or free variable that has a value. A cell is shown by what it holds.
type Local struct {
	Name  string
	Value Addr
}

const maxFrames = 1 << 20

// Frames gives the frames of a thread, newest first. An error comes with the frames read before it.
func (h *Heap) Frames(tstate Addr) (out []Frame, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	err = h.eachFrame(uint64(tstate), func(f uint64) {
		fr, err := h.readFrame(f)
		if err == nil {
			out = append(out, fr)
		}
	})
	return out, err
}

// eachFrame calls fn with the frames of a thread, newest first, but for entry frames on the C stack.
func (h *Heap) eachFrame(ts uint64, fn func(f uint64)) error {
	o := &h.off.frame
	next := o.previous
	var f uint64
	ok := false
	switch {
	case o.tsCurrent != absent && o.interpreterFrames():
		f, ok = h.view.u64(ts + o.tsCurrent)
	case o.tsCFrame != absent && o.interpreterFrames():
		cframe, _ := h.view.u64(ts + o.tsCFrame)
		f, ok = h.view.u64(cframe + o.cframeCurrent)
	case o.tsFrame != absent:
		f, ok = h.view.u64(ts + o.tsFrame)
		next = o.objBack
	}
	last := uint64(0) // in the stack of Python frames
	for i := 0; ok && f != 0; i++ {
		if h.work++; i == maxFrames || h.exhausted() {
			return &ObjectError{Addr: Addr(ts), Want: "a thread with frames", Err: errLoop}
		}
		var before uint64
		if before, ok = h.view.u64(f + next); !ok {
			break // it is not there itself: on the C stack
		}
		if !h.onCStack(f) {
			fn(f)
			last = f
		}
		f = before
	}
	if !ok {
		return h.unlinked(ts, last, fn)
	}
	return nil
}

// unlinked goes on where the frame that follows one is not in memory.
func (h *Heap) unlinked(ts, last uint64, fn func(f uint64)) error {
	rest := h.stackFrames(ts)
	i := slices.Index(rest, last)
	if i >= 0 {
		rest = rest[i+1:] // none where last is the oldest: what follows it is an entry frame of C
	} else if last != 0 {
		rest = nil // a generator's: where the stack goes on is not known
	}
	if i < 0 && len(rest) == 0 {
		return &ObjectError{Addr: Addr(ts), Want: "a thread with frames", Err: errNotMapped}
	}
	for _, f := range rest {
		fn(f)
	}
	return &InferredError{Addr(ts)}
}

func (h *Heap) onCStack(f uint64) bool {
	o := h.off.frame.owner
	if o == absent || !h.atLeast(12) {
		return false
	}
	owner, _ := h.view.u8(f + o)
	return owner >= ownedByCStack
}

func (h *Heap) readFrame(f uint64) (Frame, error) {
	o, co := &h.off.frame, &h.off.code
	p, _ := h.view.u64(f + o.code)
	code := h.untag(p)
	if err := h.want(code, kindCode, "a code object"); err != nil {
		return Frame{}, err
	}
	fr := Frame{Addr: Addr(f), Code: Addr(code)}
	fr.Name = h.strField(code, co.name)
	fr.Qualname = fr.Name
	if co.qualname != absent {
		fr.Qualname = h.strField(code, co.qualname)
	}
	fr.File = h.strField(code, co.filename)
	fr.Line = h.line(code, h.instrOffset(f, code))
	locals, _, ok := h.slots(code)
	if h.work += locals; !ok || h.exhausted() {
		return fr, nil
	}
	names := h.localNames(code)
	isCell := h.cellSlots(code)
	b := h.view.clip(f+o.localsplus, min(locals, uint64(len(names)))*8)
	for i := uint64(0); i < uint64(len(b))/8; i++ {
		v := h.untag(le64(b, i*8))
		if v != 0 && isCell(i) {
			v = h.throughCell(v)
		}
		if v != 0 {
			fr.Locals = append(fr.Locals, Local{Name: names[i], Value: Addr(v)})
		}
	}
	h.namespaceLocals(f, &fr)
	return fr, nil
}

const optimized = 1 // CO_OPTIMIZED: the locals of a function

// namespaceLocals adds the locals of what keeps them in a namespace: the body of a class, and what
// exec runs in one that is not that of a module.
func (h *Heap) namespaceLocals(f uint64, fr *Frame) {
	o := &h.off.frame
	if flags := (&resolver{lay: h.lay}).opt("PyCodeObject.co_flags"); flags != absent {
		if n, _ := h.view.u32(uint64(fr.Code) + flags); n&optimized != 0 {
			return
		}
	}
	ns, _ := h.view.u64(f + o.locals)
	globals, _ := h.view.u64(f + o.globals)
	if ns = h.untag(ns); ns == 0 || ns == h.untag(globals) {
		return
	}
	items, err := h.DictItems(Addr(ns), maxNamespace)
	if err != nil {
		return
	}
	for _, it := range items {
		if name, err := h.str(uint64(it.Key), maxName); err == nil && !slices.ContainsFunc(fr.Locals, func(l Local) bool { return l.Name == name }) {
			fr.Locals = append(fr.Locals, Local{Name: name, Value: it.Value})
		}
	}
}

const maxNamespace = 1 << 12 // names of one

// cellSlots tells which slots of a frame hold cells, rather than the values of locals.
func (h *Heap) cellSlots(code uint64) func(i uint64) bool {
	const isCell, isFree = 0x40, 0x80 // CO_FAST_CELL, CO_FAST_FREE (Include/internal/pycore_code.h)
	o := &h.off.code
	if o.localspluskinds == absent { // until 3.10 cells follow the locals
		n, _ := h.view.u32(code + o.nlocals)
		return func(i uint64) bool { return i >= uint64(n) }
	}
	p, _ := h.view.u64(code + o.localspluskinds)
	kinds, err := h.Bytes(Addr(p))
	return func(i uint64) bool {
		return err != nil || i < uint64(len(kinds)) && kinds[i]&(isCell|isFree) != 0
	}
}

// throughCell gives the contents of a cell, 0 of an empty one, and any other object as it is: what
// was not put into its cell yet.
func (h *Heap) throughCell(v uint64) uint64 {
	t, err := h.typeOf(v)
	if err != nil || h.nameOf(t) != "builtins.cell" {
		return v
	}
	c, _ := h.view.u64(v + h.off.objectSize) // ob_ref is its only field
	return c
}

// strField reads a str that a pointer at that offset refers to; "" when there is none.
func (h *Heap) strField(a, off uint64) string {
	p, _ := h.view.u64(a + off)
	if p == 0 {
		return ""
	}
	s, err := h.str(p, 1<<16)
	if err != nil {
		return ""
	}
	return s
}

// localNames gives the names of the slots of a code object: locals, then cells, then free variables.
func (h *Heap) localNames(code uint64) []string {
	o := &h.off.code
	fields := []uint64{o.localsplusnames}
	if o.localsplusnames == absent {
		fields = []uint64{o.varnames, o.cellvars, o.freevars}
	}
	var out []string
	for _, f := range fields {
		p, _ := h.view.u64(code + f)
		items, err := h.TupleItems(Addr(p), maxSlots)
		if err != nil {
			return out
		}
		for _, it := range items {
			s, err := h.str(uint64(it), maxName)
			if err != nil {
				s = "?"
			}
			out = append(out, s)
		}
	}
	return out
}
