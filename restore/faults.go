package restore

import (
	"errors"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// faultHandlers are those of the module faulthandler: that handlers of signals are set, and that they have a stack, is known to the kernel
// alone, so a thaw sets them again.
type faultHandlers struct {
	Fatal   *faultHandler   `json:"fatal"`   // of enable()
	Signals []*faultHandler `json:"signals"` // of register()

	stack uint64 // address of a stack_t; 0 for none
}

type faultHandler struct {
	Signal     int  `json:"signal"`
	FD         int  `json:"fd"`
	AllThreads bool `json:"all_threads"`
	Chain      bool `json:"chain"`
}

// faultState is where faulthandler keeps them: static variables of faulthandler.c, until gh-57684 moved them to the runtime state in 3.12.
type faultState struct {
	fatal, signals, stack procmem.Addr // 0: not known
	fatalType, signalType symbols.TypeRef
}

func (t *target) faultState() (s faultState) {
	const inRuntime = "faulthandler."
	if f, err := t.lay.Field("_PyRuntimeState", inRuntime+"fatal_error"); err == nil {
		s.fatal, s.fatalType = t.runtime+procmem.Addr(f.Offset), f.Type
		if f, err := t.lay.Field("_PyRuntimeState", inRuntime+"user_signals"); err == nil {
			s.signals, s.signalType = t.runtime+procmem.Addr(f.Offset), f.Type
		}
		if f, err := t.lay.Field("_PyRuntimeState", inRuntime+"stack"); err == nil {
			s.stack = t.runtime + procmem.Addr(f.Offset)
		}
		return s
	}
	t.lay.Vars(func(v symbols.Var) {
		at := v.Addr + t.bias
		switch _, err := t.lay.FieldOf(v.Type, "all_threads"); {
		case v.Name == "fatal_error" && err == nil:
			s.fatal, s.fatalType = at, v.Type
		case v.Name == "user_signals" && v.Type.Kind == symbols.KindPointer:
			s.signals, s.signalType = at, v.Type
		case v.Name == "stack" && v.Type.Name == "stack_t":
			s.stack = at
		}
	})
	return s
}

// readFaultHandlers gives those that are set; nil if there are none.
func readFaultHandlers(f *frozen, t *target) (*faultHandlers, error) {
	const signals = 65 // NSIG
	s, out := t.faultState(), &faultHandlers{Signals: []*faultHandler{}}
	if s.fatal == 0 { // no debug information: what the interpreter set by itself is known (-X faulthandler, -X dev)
		at, _, err := t.field(t.interp, "PyInterpreterState", "config.faulthandler")
		if err != nil {
			return nil, err
		}
		if set, err := f.peek32(at); err != nil || set == 0 {
			return nil, err
		}
		out.Fatal = &faultHandler{FD: 2, AllThreads: true}
		return out, nil
	}
	var err error
	if out.Fatal, err = readFaultHandler(f, t, s.fatal, s.fatalType); err != nil {
		return nil, err
	}
	if s.signals != 0 && s.signalType.Elem != nil {
		table, err := f.peek64(s.signals)
		for n := 1; table != 0 && n < signals && err == nil; n++ {
			var h *faultHandler
			h, err = readFaultHandler(f, t, procmem.Addr(table+uint64(n)*s.signalType.Elem.Size), *s.signalType.Elem)
			if h != nil {
				h.Signal = n
				out.Signals = append(out.Signals, h)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if out.Fatal == nil && len(out.Signals) == 0 {
		return nil, nil
	}
	if s.stack != 0 { // stack_t begins with the stack's address (sigaltstack(2))
		if sp, err := f.peek64(s.stack); err != nil {
			return nil, err
		} else if sp != 0 {
			out.stack = uint64(s.stack)
		}
	}
	return out, nil
}

// readFaultHandler gives the handler at an address; nil if it is not set.
func readFaultHandler(f *frozen, t *target, at procmem.Addr, typ symbols.TypeRef) (*faultHandler, error) {
	var errs []error
	number := func(name string) int {
		field, err := t.lay.FieldOf(typ, name)
		if err != nil {
			errs = append(errs, err)
			return 0
		}
		v, err := f.peek32(at + procmem.Addr(field.Offset))
		errs = append(errs, err)
		return int(int32(v))
	}
	set := number("enabled") != 0
	h := &faultHandler{FD: number("fd"), AllThreads: number("all_threads") != 0}
	if _, err := t.lay.FieldOf(typ, "chain"); err == nil {
		h.Chain = number("chain") != 0
	}
	if err := errors.Join(errs...); err != nil || !set {
		return nil, err
	}
	return h, nil
}
