package refuse

import (
	"encoding/binary"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

var le = binary.LittleEndian

// Target is the interpreter of a copy: its own structures, beside its objects.
type Target struct {
	Heap    *pyheap.Heap
	Walk    *pyheap.Walk
	Space   *procmem.Space
	Layout  *symbols.Layout
	Bias    procmem.Addr
	Runtime procmem.Addr // &_PyRuntime
	Interp  procmem.Addr // the main interpreter
	Tstate  procmem.Addr // the main thread's state
}

// NewTarget finds the structures. The error is a *Error where the process has no main thread of Python any more, or more than one interpreter.
func NewTarget(h *pyheap.Heap, w *pyheap.Walk, sp *procmem.Space, lay *symbols.Layout, bias procmem.Addr) (*Target, error) {
	t := &Target{Heap: h, Walk: w, Space: sp, Layout: lay, Bias: bias}
	rt, err := lay.Symbol("_PyRuntime")
	if err != nil {
		return nil, err
	}
	t.Runtime = bias + rt.Addr
	threads, err := h.Threads()
	if err != nil {
		return nil, err
	}
	for _, th := range threads {
		if th.IsMain {
			t.Tstate, t.Interp = th.Addr, th.Interp
		}
	}
	if t.Tstate == 0 {
		return nil, alone("no thread state of its main thread any more", "freeze it before it ends")
	}
	interps, err := h.Interpreters()
	if err != nil {
		return nil, err
	}
	if len(interps) > 1 {
		return nil, alone("more than one interpreter", "only a process with one can be frozen")
	}
	return t, nil
}

// Field returns the address and size of a field of a struct at base.
func (t *Target) Field(base procmem.Addr, typ, path string) (procmem.Addr, uint64, error) {
	f, err := t.Layout.Field(typ, path)
	if err != nil {
		return 0, 0, err
	}
	return base + procmem.Addr(f.Offset), f.Size, nil
}
