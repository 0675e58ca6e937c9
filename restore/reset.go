package restore

import (
	"errors"
	"fmt"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// resetValue is what a field is set to.
type resetValue uint8

const (
	toZero  resetValue = iota
	toField            // the value of another field of the same struct
	toAddr             // the address of another field of the same struct
)

// reset is one field that must not come back as it was: it speaks of the C
// stack, the other threads or the kernel of the frozen process. Fields that
// a version does not have are passed over; each line says which versions have it.
type reset struct {
	path  string
	value resetValue
	other string
}

// tstateResets make the main thread state one that runs no code.
// Source: PyThreadState in Include/cpython/pystate.h of each version.
var tstateResets = []reset{
	{"frame", toZero, ""},                                         // 3.8-3.10: the running PyFrameObject
	{"recursion_depth", toZero, ""},                               // 3.8-3.10
	{"overflowed", toZero, ""},                                    // 3.8, 3.9; gone with bpo-42500
	{"recursion_critical", toZero, ""},                            // 3.8, 3.9; gone with bpo-42500
	{"recursion_remaining", toField, "recursion_limit"},           // 3.11 (bpo-46202)
	{"py_recursion_remaining", toField, "py_recursion_limit"},     // 3.12 (gh-91079)
	{"recursion_headroom", toZero, ""},                            // 3.10
	{"tracing", toZero, ""},                                       // all: depth of trace functions under way
	{"cframe", toAddr, "root_cframe"},                             // 3.10-3.12: _PyCFrame lies on the C stack (bpo-43760)
	{"root_cframe.current_frame", toZero, ""},                     // 3.11, 3.12
	{"root_cframe.previous", toZero, ""},                          // 3.10-3.12
	{"current_frame", toZero, ""},                                 // 3.13 (gh-108866)
	{"curexc_type", toZero, ""},                                   // 3.8-3.11
	{"curexc_value", toZero, ""},                                  // 3.8-3.11
	{"curexc_traceback", toZero, ""},                              // 3.8-3.11
	{"current_exception", toZero, ""},                             // 3.12 (gh-101578)
	{"exc_info", toAddr, "exc_state"},                             // all: may point into a generator
	{"exc_state.exc_type", toZero, ""},                            // 3.8-3.10
	{"exc_state.exc_value", toZero, ""},                           // all
	{"exc_state.exc_traceback", toZero, ""},                       // 3.8-3.10
	{"exc_state.previous_item", toZero, ""},                       // all
	{"trash_delete_nesting", toZero, ""},                          // 3.8-3.11
	{"trash.delete_nesting", toZero, ""},                          // 3.12
	{"async_exc", toZero, ""},                                     // all: an exception on its way to this thread
	{"critical_section", toZero, ""},                              // 3.13
	{"remote_debugger_support.debugger_pending_call", toZero, ""}, // 3.14 (PEP 768)
}

// threadResets are fields of the struct that a PyThreadState begins, since 3.13.
var threadResets = []reset{
	{"c_stack_hard_limit", toZero, ""}, // 3.14 (gh-130396): where the C stack ends; of zero, _PyThreadState_Attach finds out anew, the other limits, too
}

// interpResets are fields of PyInterpreterState.
var interpResets = []reset{
	{"ceval.gil_drop_request", toZero, ""},        // 3.9-3.12: nobody waits any more; set without a waiter it hangs
	{"ceval.eval_breaker", toZero, ""},            // 3.9-3.12: computed anew when the GIL is taken
	{"ceval.pending.busy", toZero, ""},            // 3.12: calls under way on the abandoned stack
	{"ceval.pending.handling_thread", toZero, ""}, // 3.13
	{"threads.main", toZero, ""},                  // 3.13: the thread in Py_RunMain
	{"threads_main", toZero, ""},                  // 3.12
}

// runtimeResets are fields of _PyRuntimeState.
var runtimeResets = []reset{
	{"ceval.gil_drop_request", toZero, ""},                   // 3.8
	{"ceval.eval_breaker", toZero, ""},                       // 3.8
	{"ceval.signals_pending", toZero, ""},                    // 3.8-3.12
	{"gilstate.tstate_current", toZero, ""},                  // 3.8-3.11: nobody holds the GIL
	{"gilstate.autoTSSkey._is_initialized", toZero, ""},      // 3.8-3.11: the key is created anew
	{"autoTSSkey._is_initialized", toZero, ""},               // 3.12
	{"trashTSSkey._is_initialized", toZero, ""},              // 3.12
	{"ceval.pending_mainthread.busy", toZero, ""},            // 3.12
	{"ceval.pending_mainthread.handling_thread", toZero, ""}, // 3.13
}

// gilFields are the pthread objects in struct _gil_runtime_state. Zeroed they
// are unlocked; PyOS_AfterFork_Child makes them anew.
var gilFields = []string{"cond", "mutex", "switch_cond", "switch_mutex"}

// target is what freezing knows of the interpreter's own structures.
type target struct {
	lay     *symbols.Layout
	bias    procmem.Addr
	runtime procmem.Addr // &_PyRuntime
	interp  procmem.Addr // the main interpreter
	tstate  procmem.Addr // the main thread's state
}

// field gives the address and size of a field of a struct at base.
func (t *target) field(base procmem.Addr, typ, path string) (procmem.Addr, uint64, error) {
	f, err := t.lay.Field(typ, path)
	if err != nil {
		return 0, 0, err
	}
	return base + procmem.Addr(f.Offset), f.Size, nil
}

func (t *target) apply(f *frozen, base procmem.Addr, typ string, list []reset) error {
	for _, r := range list {
		if !t.lay.Has(typ, r.path) {
			continue
		}
		if err := t.reset(f, base, typ, r); err != nil {
			return fmt.Errorf("resetting %s.%s: %w", typ, r.path, err)
		}
	}
	return nil
}

func (t *target) reset(f *frozen, base procmem.Addr, typ string, r reset) error {
	at, size, err := t.field(base, typ, r.path)
	if err != nil {
		return err
	}
	var v uint64
	if r.other != "" {
		o, osize, err := t.field(base, typ, r.other)
		if err != nil {
			return err
		}
		v = uint64(o)
		if r.value == toField {
			b, err := f.find(o, int(osize))
			if err != nil {
				return err
			}
			var w [8]byte
			copy(w[:], b)
			v = le.Uint64(w[:])
		}
	}
	b, err := f.find(at, int(size))
	if err != nil {
		return err
	}
	var w [8]byte
	le.PutUint64(w[:], v)
	clear(b)
	copy(b, w[:])
	return nil
}

// resetInterpreter changes the frozen interpreter into one that no thread is in.
func (t *target) resetInterpreter(f *frozen, h *pyheap.Heap) error {
	if err := t.apply(f, t.tstate, "PyThreadState", tstateResets); err != nil {
		return err
	}
	if err := t.apply(f, t.tstate, "_PyThreadStateImpl", threadResets); err != nil {
		return err
	}
	if err := t.apply(f, t.interp, "PyInterpreterState", interpResets); err != nil {
		return err
	}
	if err := t.apply(f, t.runtime, "_PyRuntimeState", runtimeResets); err != nil {
		return err
	}
	gil, err := t.gil(f)
	if err != nil {
		return err
	}
	const gilType = "struct _gil_runtime_state"
	if err := t.reset(f, gil, gilType, reset{"locked", toZero, ""}); err != nil {
		return err
	}
	for _, name := range gilFields {
		at, size, err := t.field(gil, gilType, name)
		if err != nil {
			return err
		}
		if err := f.zero(at, size); err != nil {
			return err
		}
	}
	// <=3.11 keeps "pending calls under way" in a static of make_pending_calls.
	busy := recovered(h, t, "busy")
	for _, s := range t.lay.Symbols("busy") {
		if s.Size == 4 {
			busy = append(busy, t.bias+s.Addr)
		}
	}
	for _, at := range busy {
		if err := f.poke32(at, 0); err != nil {
			return err
		}
	}
	return t.openHeadLock(f)
}

// gil finds the GIL: inside _PyRuntime, or since 3.12 (gh-99114) behind a
// pointer of the interpreter.
func (t *target) gil(f *frozen) (procmem.Addr, error) {
	if t.lay.Has("PyInterpreterState", "ceval.gil") {
		at, _, err := t.field(t.interp, "PyInterpreterState", "ceval.gil")
		if err != nil {
			return 0, err
		}
		v, err := f.peek64(at)
		return procmem.Addr(v), err
	}
	at, _, err := t.field(t.runtime, "_PyRuntimeState", "ceval.gil")
	return at, err
}

// openHeadLock unlocks interpreters.mutex: a thread that is no more may have
// held it, and PyOS_AfterFork_Child takes it before it is made anew (<=3.11). It is
// a sem_t on the heap, its value in the low 32 bits.
func (t *target) openHeadLock(f *frozen) error {
	fld, err := t.lay.Field("_PyRuntimeState", "interpreters.mutex")
	var missing *symbols.NotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	if fld.Size != 8 { // PyMutex since 3.13, reset by _PyRuntimeState_ReInitThreads
		return nil
	}
	lock, err := f.peek64(t.runtime + procmem.Addr(fld.Offset))
	if err != nil || lock == 0 {
		return err
	}
	return f.poke32(procmem.Addr(lock), 1)
}
