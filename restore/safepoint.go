package restore

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/arch/x86/x86asm"
	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// TimeoutError says that the target came to no point where its objects are
// consistent.
type TimeoutError struct {
	After time.Duration
	Why   string
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("no safe point within %v: %s (try again, or give --timeout more)", e.After, e.Why)
}

// stepsAtATime bounds one stretch of single steps (about 5 us each); then the
// target may run freely for a moment.
const (
	stepsAtATime = 20000
	runBetween   = 3 * time.Millisecond
)

// seeker brings a stopped target to a safe point: the GIL is free, or the thread that
// holds it stands where it would look at eval_breaker. It writes nothing
// into the target and sets no breakpoint: a thread that must get there is
// single-stepped, which the kernel undoes by itself should pyfreeze be killed.
type seeker struct {
	p     *tracer.Process
	mem   procmem.Reader
	in    *symbols.Interpreter
	lay   *symbols.Layout
	state *pyheap.StateReader
	load  breakerLoad
}

func newSeeker(p *tracer.Process, mem procmem.Reader, in *symbols.Interpreter, lay *symbols.Layout) (*seeker, error) {
	sr, err := pyheap.NewStateReader(in, lay)
	if err != nil {
		return nil, err
	}
	loop, err := lay.Symbol("_PyEval_EvalFrameDefault")
	if err != nil {
		return nil, err
	}
	s := &seeker{p: p, mem: mem, in: in, lay: lay, state: sr}
	start := in.Bias + loop.Addr
	s.load = breakerLoad{
		loop:    procmem.Range{Start: start, End: start + procmem.Addr(loop.Size)},
		code:    func(b []byte, at procmem.Addr) error { return in.Module.File.ReadLink(b, at-in.Bias) },
		decoded: map[uint64]*x86asm.Mem{},
		length:  map[uint64]uint64{},
	}
	return s, nil
}

// seek returns the state at the safe point.
func (s *seeker) seek(timeout time.Duration) (pyheap.State, error) {
	deadline := time.Now().Add(timeout)
	why := ""
	for {
		st, err := s.state.Read(s.mem)
		if err != nil {
			return st, err
		}
		switch {
		case st.Finalizing:
			why = "the interpreter is shutting down"
		case st.GCCollecting:
			why = "a garbage collection is running"
		case !st.GILLocked:
			return st, nil
		default:
			ok, err := s.step(st, deadline)
			if ok || err != nil {
				return st, err
			}
			why = fmt.Sprintf("the thread that holds the GIL (thread state %v) is busy in C code", st.GILHolder)
		}
		if !time.Now().Before(deadline) {
			return st, &TimeoutError{timeout, why}
		}
		if err := s.p.RunFor(runBetween); err != nil {
			return st, err
		}
	}
}

// step single-steps the holder of the GIL towards a check of eval_breaker.
func (s *seeker) step(st pyheap.State, deadline time.Time) (bool, error) {
	tid, err := s.tidOf(st.GILHolder)
	if err != nil || tid == 0 {
		return false, err
	}
	if s.load.breaker, err = s.breakerOf(st.GILHolder); err != nil {
		return false, err
	}
	_, hit, err := s.p.StepUntil(tid, stepsAtATime, deadline, func(r *unix.PtraceRegs) (bool, error) { return s.load.at(r) })
	switch {
	case errors.Is(err, tracer.ErrStepTimeout):
		return false, nil // it blocks: perhaps on a thread that is stopped
	case err != nil || !hit:
		return false, err
	}
	now, err := s.state.Read(s.mem)
	return err == nil && now.GILLocked && now.GILHolder == st.GILHolder && !now.GCCollecting && !now.Finalizing, err
}

// tidOf finds the thread of a tstate; 0 when there is none (any more).
func (s *seeker) tidOf(tstate procmem.Addr) (int, error) {
	var b [8]byte
	f, err := s.lay.Field("PyThreadState", "thread_id")
	if err != nil {
		return 0, err
	}
	if _, err := s.mem.ReadAt(b[:], tstate+procmem.Addr(f.Offset)); err != nil {
		return 0, nil // a holder that has gone
	}
	id := le.Uint64(b[:])
	for _, tid := range s.p.Threads() {
		r, err := s.p.Regs(tid)
		if err != nil {
			return 0, err
		}
		if r.Fs_base == id {
			return tid, nil
		}
	}
	return 0, nil
}

// breakerOf gives the address of the flag that a thread's eval loop looks at:
// in the runtime (3.8), in the interpreter (3.9, bpo-40010), in the thread state (3.13, gh-112175).
func (s *seeker) breakerOf(tstate procmem.Addr) (procmem.Addr, error) {
	if f, err := s.lay.Field("PyThreadState", "eval_breaker"); err == nil {
		return tstate + procmem.Addr(f.Offset), nil
	}
	if f, err := s.lay.Field("PyInterpreterState", "ceval.eval_breaker"); err == nil {
		ip, err := s.lay.Field("PyThreadState", "interp")
		if err != nil {
			return 0, err
		}
		var b [8]byte
		if _, err := s.mem.ReadAt(b[:], tstate+procmem.Addr(ip.Offset)); err != nil {
			return 0, err
		}
		return procmem.Addr(le.Uint64(b[:])) + procmem.Addr(f.Offset), nil
	}
	f, err := s.lay.Field("_PyRuntimeState", "ceval.eval_breaker")
	if err != nil {
		return 0, err
	}
	rt, err := s.lay.Symbol("_PyRuntime")
	if err != nil {
		return 0, err
	}
	return s.in.Bias + rt.Addr + procmem.Addr(f.Offset), nil
}
