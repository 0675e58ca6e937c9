package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// slice is how long a twin runs before a look at whether the user still wants it.
const slice = 50 * time.Millisecond

// seeker brings a twin of a busy target to a safe point: where the thread that
// holds the GIL would handle signals or give the GIL away, its objects are
// consistent. The twin may be changed at will: it is asked for the GIL, and has
// breakpoints. What it must not do is anything that others can see.
type seeker struct {
	in    *symbols.Interpreter
	lay   *symbols.Layout
	state *pyheap.StateReader
	stops []procmem.Addr // where a thread is at a safe point
	drops []procmem.Addr // those where it gives the GIL away; where there is none, that is seen by the lock that it takes
}

func newSeeker(in *symbols.Interpreter, lay *symbols.Layout) (*seeker, error) {
	sr, err := pyheap.NewStateReader(in, lay)
	if err != nil {
		return nil, err
	}
	s := &seeker{in: in, lay: lay, state: sr}
	s.stops = s.safePoints()
	if len(s.stops) == 0 {
		return nil, &NoSafePointsError{in.Module.Path}
	}
	return s, nil
}

// tidOf finds the thread of a tstate; 0 when there is none (any more).
func (s *seeker) tidOf(p *tracer.Process, mem procmem.Reader, tstate procmem.Addr) (int, error) {
	f, err := s.lay.Field("PyThreadState", "thread_id")
	if err != nil {
		return 0, err
	}
	var b [8]byte
	if _, err := mem.ReadAt(b[:], tstate+procmem.Addr(f.Offset)); err != nil {
		return 0, nil // a holder that has gone
	}
	id := le.Uint64(b[:])
	for _, tid := range p.Threads() {
		r, err := p.Regs(tid)
		if err != nil {
			return 0, err
		}
		if r.Fs_base == id {
			return tid, nil
		}
	}
	return 0, nil
}

// run lets a twin of the thread of holder run to a safe point. Where the twin
// cannot get there, why says what was in the way: another twin, of another moment,
// may fare better. dropping says that the thread is about to give the GIL away.
func (s *seeker) run(ctx context.Context, w *tracer.Process, holder procmem.Addr, deadline time.Time) (dropping bool, why string, err error) {
	if err := isolate(w); err != nil {
		return false, err.Error(), nil
	}
	flags, err := s.requests(w, holder)
	if err != nil {
		return false, "", err
	}
	for _, f := range flags {
		if err := f.raise(w); err != nil {
			return false, "", err
		}
	}
	lock, err := s.lockOfGIL(w)
	if err != nil {
		return false, "", err
	}
	stops := s.stops
	if lock.function != 0 {
		stops = append(slices.Clone(stops), lock.function)
	}
	for _, a := range stops {
		if err := w.SetBreakpoint(a); err != nil {
			return false, "", err
		}
	}
	at, why, err := s.untilStop(ctx, w, holder, lock, deadline)
	if why != "" || err != nil {
		return false, why, err
	}
	for _, a := range stops {
		if err := w.ClearBreakpoint(a); err != nil {
			return false, "", err
		}
	}
	for _, f := range flags {
		if err := f.lower(w); err != nil {
			return false, "", err
		}
	}
	return at == lock.function || slices.Contains(s.drops, at), "", nil
}

func (s *seeker) untilStop(ctx context.Context, w *tracer.Process, holder procmem.Addr, lock gilLock, deadline time.Time) (at procmem.Addr, why string, err error) {
	busy := fmt.Sprintf("the thread that holds the GIL (thread state %v) is busy in C code", holder)
	for {
		until := time.Now().Add(slice)
		if until.After(deadline) {
			until = deadline
		}
		ev, err := w.ContinueUntil(until)
		var fault *tracer.FaultError
		switch {
		case errors.As(err, &fault), errors.Is(err, tracer.ErrNoProcess):
			// It wrote to shared memory, or missed what a child does not get.
			return 0, fmt.Sprintf("a copy of it cannot run on its own (%v)", err), nil
		case err != nil:
			return 0, "", err
		}
		switch ev.Kind {
		case tracer.EventDeadline:
			if err := ctx.Err(); err != nil {
				return 0, "", err
			}
			if !time.Now().Before(deadline) {
				if r, err := w.Regs(w.PID()); err == nil {
					if stack := nativeStack(s.in, s.lay, w, r); len(stack) > 0 {
						busy += ": " + strings.Join(stack, " < ")
					}
				}
				return 0, busy, nil
			}
		case tracer.EventSyscall:
			if !harmless(ev) {
				return 0, fmt.Sprintf("the thread that holds the GIL (thread state %v) is in system call %d", holder, ev.Number), nil
			}
		case tracer.EventBreakpoint:
			if is, err := lock.taken(w, ev.Addr); err != nil || !is {
				if err != nil {
					return 0, "", err
				}
				continue // of something else
			}
			st, err := s.state.Read(w)
			if err != nil {
				return 0, "", err
			}
			switch {
			case st.Finalizing:
				return 0, "the interpreter is shutting down", nil
			case !st.GILLocked || st.GILHolder != holder:
				return 0, "another thread took the GIL", nil
			case !st.GCCollecting:
				return ev.Addr, "", nil
			}
		}
	}
}
