package tracer

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ContinueToCall lets the main thread of a spawned process, and all others, run until it is about to do a system call that
// match accepts, and returns its number. Signals are passed on at once. At the deadline it returns ErrStepTimeout, and the
// thread runs on: call it again, or Kill. Errors: *ExitError, ErrStepTimeout. The call has not been made when it returns;
// [Process.SkipCall] keeps it from being made.
func (p *Process) ContinueToCall(deadline time.Time, match func(nr uint64) bool) (nr uint64, err error) {
	err = p.withThread(p.pid, func(t *thread) error {
		if !t.running { // else an earlier call has set them
			if err := p.setOptions(t, unix.PTRACE_O_TRACESYSGOOD); err != nil {
				return err
			}
		}
		entry := false // whether the last stop was at the entry of a call
		for {
			if !t.running {
				if err := p.resumeBy(unix.PTRACE_SYSCALL, t); err != nil {
					return err
				}
			}
			s, ok, err := p.waitStop(t, deadline)
			if err != nil {
				return err
			}
			if !ok {
				return ErrStepTimeout
			}
			p.note(t, s)
			switch s.kind {
			case stopExit:
				return s.exit
			case stopCall:
				if entry = !entry; !entry {
					continue
				}
				var regs unix.PtraceRegs
				if err := p.getRegs(t, &regs); err != nil {
					return err
				}
				if nr, _ = callOf(&regs); match(nr) {
					return nil
				}
			case stopEvent:
				entry = false
			}
		}
	})
	return nr, err
}

// SkipCall makes the main thread return from the system call that it was about to do, without doing it, with the given result.
// Precondition: ContinueToCall has just returned. Errors: *ExitError, ErrStepTimeout.
func (p *Process) SkipCall(result uint64) error {
	return p.withThread(p.pid, func(t *thread) error {
		const skipped = ^uint64(0) // a filter sees call -1
		unfilter, err := p.suspendSeccomp(t, skipped, unix.PTRACE_O_TRACESYSGOOD)
		if err != nil {
			return err
		}
		if err := p.skip(t, result); err != nil {
			return err
		}
		return unfilter()
	})
}

// UndoCall takes the main thread back to where it was before the system call that it was about to
// do: it will do it when it goes on. Precondition: ContinueToCall or ContinueToStop has just
// returned for a call that was not made yet. Errors: *ExitError, ErrStepTimeout.
func (p *Process) UndoCall() error {
	var nr uint64
	err := p.withThread(p.pid, func(t *thread) error {
		var regs unix.PtraceRegs
		err := p.getRegs(t, &regs)
		nr, _ = callOf(&regs)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.SkipCall(nr); err != nil {
		return err
	}
	return p.withThread(p.pid, func(t *thread) error {
		var regs unix.PtraceRegs
		if err := p.getRegs(t, &regs); err != nil {
			return err
		}
		setPC(&regs, pc(&regs)-syscallLen)
		return p.setRegs(t, &regs)
	})
}

func (p *Process) skip(t *thread, result uint64) error {
	var regs unix.PtraceRegs
	if err := p.getRegs(t, &regs); err != nil {
		return err
	}
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
			if err := p.getRegs(t, &regs); err != nil {
				return err
			}
			setResult(&regs, result)
			return p.setRegs(t, &regs)
		case stopSignal:
			if s.signal == syscall.SIGTRAP {
				return fmt.Errorf("thread %d trapped in a system call that was skipped", t.tid)
			}
		}
	}
}
