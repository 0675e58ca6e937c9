package tracer

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ContinueToCall lets the main thread of a spawned process, and all others, run until it is about to do a system call that
// match accepts, and returns its number. Signals are passed on at once. At the deadline it returns ErrStepTimeout, and the
// thread runs on: call it again, or Kill. Errors: *ExitError, ErrStepTimeout, those of ptrace
// (Linux 5.3). The call has not been made when it returns; [Process.SkipCall] keeps it from being
// made.
func (p *Process) ContinueToCall(deadline time.Time, match func(nr uint64) bool) (nr uint64, err error) {
	err = p.withThread(p.pid, func(t *thread) error {
		if err := p.markCalls(t); err != nil {
			return err
		}
		for {
			s, err := p.nextStop(unix.PTRACE_SYSCALL, t, deadline)
			if err != nil {
				return err
			}
			if s.kind != stopCall {
				continue
			}
			// Whether it is about to make a call is the kernel's word. Counting stops would not
			// tell: at an earlier deadline the thread may have been inside one.
			call, err := p.callAt(t)
			if err != nil {
				return err
			}
			if nr = call.Nr; !call.Done && match(nr) {
				return nil
			}
		}
	})
	return nr, err
}

// markCalls makes the stops of a thread for system calls known from a SIGTRAP of its own.
func (p *Process) markCalls(t *thread) error {
	if t.running {
		return nil // an earlier call has, and only a stopped thread can be told
	}
	return p.setOptions(t, unix.PTRACE_O_TRACESYSGOOD)
}

// nextStop lets a thread go on by a ptrace request, unless it runs already, and returns its next
// stop, noted. Errors: *ExitError where it ended, ErrStepTimeout at the deadline, and it runs on.
func (p *Process) nextStop(request int, t *thread, deadline time.Time) (stop, error) {
	if !t.running {
		if err := p.resumeBy(request, t); err != nil {
			return stop{}, err
		}
	}
	s, ok, err := p.waitStop(t, deadline)
	if err != nil {
		return stop{}, err
	}
	if !ok {
		return stop{}, ErrStepTimeout
	}
	p.note(t, s)
	if s.kind == stopExit {
		return stop{}, s.exit
	}
	return s, nil
}

// SkipCall makes the main thread return from the system call that it was about to do, without doing it, with the given result.
// Precondition: ContinueToCall has just returned. Errors: *ExitError, ErrStepTimeout.
func (p *Process) SkipCall(result uint64) error {
	return p.insteadOfCall(func(regs *unix.PtraceRegs) { setResult(regs, result) })
}

// insteadOfCall keeps the main thread from the call that it is about to make, and changes its
// registers, in one step: should this process be killed, the thread is before or behind it.
func (p *Process) insteadOfCall(change func(*unix.PtraceRegs)) error {
	return p.withThread(p.pid, func(t *thread) error {
		const skipped = ^uint64(0) // a filter sees call -1
		unfilter, err := p.suspendSeccomp(t, skipped, unix.PTRACE_O_TRACESYSGOOD)
		if err != nil {
			return err
		}
		if err := p.skip(t, change); err != nil {
			return err
		}
		return unfilter()
	})
}

// UndoCall takes the main thread back to where it was before the system call that it was about to
// do: it will do it when it goes on. Precondition: ContinueToCall or ContinueToStop has just
// returned for a call that was not made yet. Errors: *ExitError, ErrStepTimeout.
func (p *Process) UndoCall() error {
	return p.insteadOfCall(undo)
}

// undo changes the registers of a thread that has entered a call to those that it had before.
func undo(regs *unix.PtraceRegs) {
	nr, _ := callOf(regs)
	setResult(regs, nr) // where the instruction takes it from
	setPC(regs, pc(regs)-syscallLen)
}

// skip lets a thread leave the call that it has entered, unmade. A call -1 leaves the registers as
// they are (do_syscall_64 of arch/x86/entry/common.c).
func (p *Process) skip(t *thread, change func(*unix.PtraceRegs)) error {
	var regs unix.PtraceRegs
	if err := p.getRegs(t, &regs); err != nil {
		return err
	}
	change(&regs)
	skipCall(&regs)
	if err := p.setRegs(t, &regs); err != nil {
		return err
	}
	for {
		if err := p.resumeBy(unix.PTRACE_SYSCALL, t); err != nil {
			return err
		}
		s, ok, err := p.waitStop(t, time.Now().Add(stopTimeout))
		if err != nil {
			return err
		}
		if !ok {
			return p.stuck(t)
		}
		p.note(t, s)
		switch s.kind {
		case stopExit:
			return s.exit
		case stopCall:
			return nil
		case stopSignal:
			if s.signal == syscall.SIGTRAP {
				return fmt.Errorf("thread %d trapped in a system call that was skipped", t.tid)
			}
		}
	}
}
