package snapshot

import (
	"errors"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// safePoints gives the addresses of functions that a thread enters with the GIL
// held and with all objects consistent: Python code may run in them, or other
// threads after them. Compilers inline what calls them, but not these.
func (s *seeker) safePoints() []procmem.Addr {
	seen := map[procmem.Addr]bool{}
	var out []procmem.Addr
	add := func(y symbols.Sym) {
		if a := s.in.Bias + y.Addr; y.Addr != 0 && !seen[a] && !strings.HasSuffix(y.Name, ".cold") {
			seen[a] = true
			out = append(out, a)
		}
	}
	for _, name := range []string{"drop_gil", "drop_gil_impl"} { // 3.14 split it
		for _, y := range s.lay.Symbols(name) {
			add(y)
			s.drops = append(s.drops, s.in.Bias+y.Addr)
		}
	}
	for _, name := range []string{
		"_PyErr_CheckSignals",       // 3.8
		"_PyErr_CheckSignalsTstate", // 3.9 and later
		"_Py_HandlePending",         // 3.12 and later
	} {
		if y, err := s.lay.Symbol(name); err == nil {
			add(y)
		}
	}
	return out
}

// request is a flag, or some bits of one, that makes the eval loop go to a safe point.
type request struct {
	at   procmem.Addr
	bits uint32
}

// Bits of PyThreadState.eval_breaker (3.13, gh-112175); those above the low
// eight are the version of the instrumentation.
const (
	gilDropRequestBit = 1 << 0
	signalsPendingBit = 1 << 1
)

// raise sets the bits.
func (r request) raise(w *tracer.Process) error {
	return r.change(w, func(v uint32) uint32 { return v | r.bits })
}

// lower clears the bits. In an image nobody waits for the GIL, and no signal is
// pending, so it does not matter whether they were set in the target.
func (r request) lower(w *tracer.Process) error {
	return r.change(w, func(v uint32) uint32 { return v &^ r.bits })
}

func (r request) change(w *tracer.Process, f func(uint32) uint32) error {
	var b [4]byte
	if _, err := w.ReadAt(b[:], r.at); err != nil {
		return err
	}
	le.PutUint32(b[:], f(le.Uint32(b[:])))
	_, err := w.WriteAt(b[:], r.at)
	return err
}

// requests gives all flags that a thread looks at: whether signals are pending
// (the main thread does something about these) and whether it is to drop the GIL.
// They are in the thread state (3.13), else in the interpreter (3.9, bpo-40010), else in
// the runtime (3.8).
func (s *seeker) requests(mem procmem.Reader, tstate procmem.Addr) ([]request, error) {
	if f, err := s.lay.Field("PyThreadState", "eval_breaker"); err == nil {
		return []request{{tstate + procmem.Addr(f.Offset), gilDropRequestBit | signalsPendingBit}}, nil
	}
	rt, err := s.lay.Symbol("_PyRuntime")
	if err != nil {
		return nil, err
	}
	f, err := s.lay.Field("PyThreadState", "interp")
	if err != nil {
		return nil, err
	}
	var b [8]byte
	if _, err := mem.ReadAt(b[:], tstate+procmem.Addr(f.Offset)); err != nil {
		return nil, err
	}
	interp, runtime := procmem.Addr(le.Uint64(b[:])), s.in.Bias+rt.Addr
	var out []request
	for _, name := range []string{"signals_pending", "gil_drop_request", "eval_breaker"} {
		f, base := symbols.Field{}, runtime
		if f, err = s.lay.Field("_PyRuntimeState", "ceval."+name); err != nil {
			base = interp
			if f, err = s.lay.Field("PyInterpreterState", "ceval."+name); err != nil {
				return nil, errors.Join(errors.New("where the interpreter asks its threads for the GIL is not known"), err)
			}
		}
		out = append(out, request{base + procmem.Addr(f.Offset), 1})
	}
	return out, nil
}
