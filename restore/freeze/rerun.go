package freeze

import (
	"encoding/binary"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// reset is a field of the main thread's PyThreadState that speaks of the code that the thread was
// running. A program that runs again in a thread that was frozen with code under way begins as in a
// fresh one. Fields that a version does not have are passed over; of several rows of one field the
// last holds.
type reset struct {
	path string
	from resetTo
	by   string // another field
}

type resetTo uint8

const (
	toZero  resetTo = iota
	toValue         // of the field by
	toAddr          // address of the field by
)

// resets has the fields of all versions. Source: Include/cpython/pystate.h of each.
var resets = []reset{
	{"frame", toZero, ""},                                         // 3.8-3.10: the running PyFrameObject
	{"recursion_depth", toZero, ""},                               // 3.8-3.10
	{"overflowed", toZero, ""},                                    // 3.8, 3.9; gone with bpo-42500
	{"recursion_critical", toZero, ""},                            // 3.8, 3.9; gone with bpo-42500
	{"recursion_headroom", toZero, ""},                            // 3.10
	{"recursion_remaining", toValue, "recursion_limit"},           // 3.11 (bpo-46202)
	{"py_recursion_remaining", toValue, "py_recursion_limit"},     // 3.12 (gh-91079)
	{"tracing", toZero, ""},                                       // all: depth of trace functions under way
	{"cframe", toAddr, "root_cframe"},                             // 3.10-3.12: _PyCFrame lies on the C stack (bpo-43760)
	{"root_cframe.current_frame", toZero, ""},                     // 3.11, 3.12
	{"root_cframe.previous", toZero, ""},                          // 3.10-3.12
	{"current_frame", toZero, ""},                                 // 3.13 (gh-108866)
	{"current_frame", toValue, "base_frame"},                      // 3.15: never NULL (gh-138122)
	{"last_profiled_frame", toZero, ""},                           // 3.15 (gh-138122)
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

// rerunPokes are the words that make the main thread one that runs no code.
func (f *freezing) rerunPokes() (out []stub.Poke, err error) {
	const typ = "PyThreadState"
	lay, tstate := f.copy.Layout, f.target.Tstate
	for _, r := range resets {
		if !lay.Has(typ, r.path) || r.by != "" && !lay.Has(typ, r.by) {
			continue
		}
		at, size, err := f.target.Field(tstate, typ, r.path)
		if err != nil {
			return nil, err
		}
		var value uint64
		if r.from != toZero {
			by, bySize, err := f.target.Field(tstate, typ, r.by)
			if err != nil {
				return nil, err
			}
			value = uint64(by)
			if r.from == toValue {
				if value, err = f.number(by, bySize); err != nil {
					return nil, err
				}
			}
		}
		out = append(out, stub.Poke{Addr: uint64(at), Value: value, Size: uint32(size)})
	}
	for _, path := range []string{"threads_main", "threads.main"} { // 3.12, 3.13 (gh-109860): the thread in Py_RunMain, which is left at the exit
		if at, _, err := f.target.Field(f.target.Interp, "PyInterpreterState", path); err == nil {
			out = append(out, stub.Poke{Addr: uint64(at), Value: uint64(tstate), Size: 8})
		}
	}
	return out, nil
}

// gilLocked is the word that says whether the GIL is held.
func (f *freezing) gilLocked() (procmem.Addr, error) {
	sr, err := pyheap.NewStateReader(f.copy.Interp, f.copy.Layout)
	if err != nil {
		return 0, err
	}
	gil, err := sr.GIL(f.copy.Space)
	if err != nil {
		return 0, err
	}
	at, _, err := f.target.Field(gil, gilType, "locked")
	return at, err
}

const gilType = "_gil_runtime_state" // Include/internal/pycore_gil.h

// withoutOthers are the words of the interpreter that other threads, which a thaw has not got, may have left in use: its GIL, and the
// lock on the list of interpreters. What a fork would have taken them for is done in the thaw (PyOS_AfterFork_Child).
func (f *freezing) withoutOthers() (out []stub.Poke, err error) {
	lay, sp, waiting := f.copy.Layout, f.copy.Space, f.copy.Kind == snapshot.Waiting
	sr, err := pyheap.NewStateReader(f.copy.Interp, lay)
	if err != nil {
		return nil, err
	}
	gil, err := sr.GIL(sp)
	if err != nil {
		return nil, err
	}
	clear := func(base procmem.Addr, typ, path string) {
		at, size, err := f.target.Field(base, typ, path)
		for ; err == nil && size > 0; size -= min(size, 8) {
			out = append(out, stub.Poke{Addr: uint64(at), Size: uint32(min(size, 8))})
			at += 8
		}
	}
	// These are pthread objects, unlocked where they are zero.
	for _, name := range []string{"cond", "mutex", "switch_cond", "switch_mutex"} {
		clear(gil, gilType, name)
	}
	clear(f.target.Interp, "PyInterpreterState", "ceval.gil_drop_request") // 3.9 to 3.12: nobody waits any more, and set it waits for them
	clear(f.target.Runtime, "_PyRuntimeState", "ceval.gil_drop_request")   // 3.8
	if waiting {
		clear(gil, gilType, "locked")
		clear(f.target.Runtime, "_PyRuntimeState", "gilstate.tstate_current") // until 3.11
	}
	const dropRequest = 1 // _PY_GIL_DROP_REQUEST_BIT, 3.13 (gh-112175)
	if at, size, err := f.target.Field(f.target.Tstate, "PyThreadState", "eval_breaker"); err == nil && size == 8 {
		v, err := sp.U64(at)
		if err != nil {
			return nil, err
		}
		out = append(out, stub.Poke{Addr: uint64(at), Value: v &^ dropRequest, Size: 8})
	}
	// interpreters.mutex is a pointer to a sem_t, with its value in the low 32 bits, until 3.12; then a PyMutex that a child resets.
	if at, size, err := f.target.Field(f.target.Runtime, "_PyRuntimeState", "interpreters.mutex"); err == nil && size == 8 {
		if lock, err := sp.U64(at); err == nil && lock != 0 {
			out = append(out, stub.Poke{Addr: lock, Value: 1, Size: 4})
		}
	}
	return out, nil
}

// number reads a number of up to eight bytes.
func (f *freezing) number(at procmem.Addr, size uint64) (uint64, error) {
	b, err := f.copy.Space.Bytes(at, min(size, 8))
	var v [8]byte
	copy(v[:], b)
	return binary.LittleEndian.Uint64(v[:]), err
}
