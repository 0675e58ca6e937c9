package restore

import (
	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// faultHandler is that of faulthandler.enable: handlers of signals and their stack belong to the kernel's side of a process.
type faultHandler struct {
	FD         int32 `json:"fd"`
	AllThreads bool  `json:"all_threads"`

	stack uint64 // a stack_t; 0 for none
}

// readFaultHandler gives it if it is enabled: static variables of faulthandler.c until gh-57684 moved them to the runtime state in 3.12.
func readFaultHandler(f *frozen, t *target) (*faultHandler, error) {
	const ssSP = 0 // of stack_t (sigaltstack(2))
	var fatal symbols.TypeRef
	var at, stack procmem.Addr
	if field, err := t.lay.Field("_PyRuntimeState", "faulthandler.fatal_error"); err == nil {
		fatal, at = field.Type, t.runtime+procmem.Addr(field.Offset)
		if s, err := t.lay.Field("_PyRuntimeState", "faulthandler.stack"); err == nil {
			stack = t.runtime + procmem.Addr(s.Offset)
		}
	} else {
		t.lay.Vars(func(v symbols.Var) {
			if _, err := t.lay.FieldOf(v.Type, "all_threads"); v.Name == "fatal_error" && err == nil {
				fatal, at = v.Type, v.Addr+t.bias
			}
			if v.Name == "stack" && v.Type.Name == "stack_t" {
				stack = v.Addr + t.bias
			}
		})
	}
	if at == 0 {
		return nil, nil
	}
	number := func(name string) (uint32, error) {
		field, err := t.lay.FieldOf(fatal, name)
		if err != nil {
			return 0, err
		}
		return f.peek32(at + procmem.Addr(field.Offset))
	}
	enabled, err := number("enabled")
	if err != nil || enabled == 0 {
		return nil, err
	}
	fd, err := number("fd")
	if err != nil {
		return nil, err
	}
	all, err := number("all_threads")
	if err != nil {
		return nil, err
	}
	h := &faultHandler{FD: int32(fd), AllThreads: all != 0}
	if stack != 0 {
		sp, err := f.peek64(stack + ssSP)
		if err != nil {
			return nil, err
		}
		if sp != 0 {
			h.stack = uint64(stack)
		}
	}
	return h, nil
}
