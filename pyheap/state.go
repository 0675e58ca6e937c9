package pyheap

import (
	"encoding/binary"
	"fmt"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// State is what decides whether the process is at a safe point.
type State struct {
	Finalizing   bool // Py_FinalizeEx has begun
	GCCollecting bool // a collection is running
	GILLocked    bool // a thread holds the GIL
	GILHolder    Addr // the tstate that holds the GIL, or held it last
}

// StateReader reads State with a few small reads. Making one resolves offsets; reading is then
// cheap enough for the loop that steps a target to a safe point.
type StateReader struct {
	runtime                           Addr
	finalizing, interpMain            uint64
	gil, gilPtr, gilLocked, gilHolder uint64
	gilInInterp                       bool
	collecting                        uint64
	collectingInInterp                bool
	collector                         collectorOffsets
	found                             Addr // the GIL, once Holder has found it
}

// NewStateReader finds where the state lies in this interpreter.
func NewStateReader(in *symbols.Interpreter, lay *symbols.Layout) (*StateReader, error) {
	r := &resolver{lay: lay}
	s := &StateReader{gilPtr: absent}
	rt, err := lay.Symbol("_PyRuntime")
	if err != nil {
		return nil, &LayoutError{Missing: []string{"the symbol _PyRuntime"}}
	}
	s.runtime = rt.Addr + in.Bias
	s.finalizing = r.must("_PyRuntimeState._finalizing", "_PyRuntimeState.finalizing")
	s.interpMain = r.must("_PyRuntimeState.interpreters.main")
	s.gilLocked = r.must("_gil_runtime_state.locked")
	s.gilHolder = r.must("_gil_runtime_state.last_holder")
	if in.Version.Minor >= 12 { // one GIL for each interpreter, through a pointer
		s.gilInInterp = true
		s.gilPtr = r.must("PyInterpreterState.ceval.gil")
	} else {
		s.gil = r.must("_PyRuntimeState.ceval.gil")
	}
	s.collecting = r.opt("PyInterpreterState.gc.collecting")
	s.collectingInInterp = s.collecting != absent
	if !s.collectingInInterp {
		s.collecting = r.must("_PyRuntimeState.gc.collecting") // 3.8
	}
	s.collector = loadCollectorOffsets(r)
	return s, r.err()
}

// Read reads the state of the main interpreter.
func (s *StateReader) Read(r procmem.Reader) (State, error) {
	var st State
	interp, err := readPtr(r, s.runtime+Addr(s.interpMain))
	if err != nil {
		return st, err
	}
	if interp == 0 {
		return st, &ObjectError{Addr: s.runtime, Want: "the state of an initialised interpreter"}
	}
	fin, err := readPtr(r, s.runtime+Addr(s.finalizing))
	if err != nil {
		return st, err
	}
	st.Finalizing = fin != 0
	gil, err := s.GIL(r)
	if err != nil {
		return st, err
	}
	locked, err := readI32(r, gil+Addr(s.gilLocked))
	if err != nil {
		return st, err
	}
	st.GILLocked = locked > 0 // -1: not created
	if st.GILHolder, err = readPtr(r, gil+Addr(s.gilHolder)); err != nil {
		return st, err
	}
	at := s.runtime
	if s.collectingInInterp {
		at = interp
	}
	collecting, err := readI32(r, at+Addr(s.collecting))
	if err != nil {
		return st, err
	}
	st.GCCollecting = collecting != 0
	return st, nil
}

// Holder reads the tstate that holds the GIL, or held it last, alone. A reader that has found the
// GIL once does not look for it again: so it is good for one process.
func (s *StateReader) Holder(r procmem.Reader) (Addr, error) {
	if s.found == 0 {
		gil, err := s.GIL(r)
		if err != nil {
			return 0, err
		}
		if s.gilInInterp && gil == 0 {
			return 0, &ObjectError{Addr: s.runtime, Want: "a GIL"}
		}
		s.found = gil
	}
	return readPtr(r, s.found+Addr(s.gilHolder))
}

// GIL gives the address of the main interpreter's struct _gil_runtime_state.
func (s *StateReader) GIL(r procmem.Reader) (Addr, error) {
	if !s.gilInInterp {
		return s.runtime + Addr(s.gil), nil
	}
	interp, err := readPtr(r, s.runtime+Addr(s.interpMain))
	if err != nil {
		return 0, err
	}
	return readPtr(r, interp+Addr(s.gilPtr))
}

// ReadState reads the state from live memory or a captured Space. A caller that reads it again and
// again keeps a [StateReader] instead.
func ReadState(r procmem.Reader, in *symbols.Interpreter, lay *symbols.Layout) (State, error) {
	s, err := NewStateReader(in, lay)
	if err != nil {
		return State{}, err
	}
	return s.Read(r)
}

// State reads the state at the time of the capture.
func (h *Heap) State() (State, error) { return ReadState(h.sp, h.in, h.lay) }

func readPtr(r procmem.Reader, a Addr) (Addr, error) {
	var b [8]byte
	if _, err := r.ReadAt(b[:], a); err != nil {
		return 0, fmt.Errorf("interpreter state: %w", err)
	}
	return Addr(binary.LittleEndian.Uint64(b[:])), nil
}

func readI32(r procmem.Reader, a Addr) (int32, error) {
	var b [4]byte
	if _, err := r.ReadAt(b[:], a); err != nil {
		return 0, fmt.Errorf("interpreter state: %w", err)
	}
	return int32(binary.LittleEndian.Uint32(b[:])), nil
}
