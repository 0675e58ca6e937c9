package tracer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Step lets one thread do one instruction, or finish the system call it is in;
// all others stay stopped. Errors: ErrStepTimeout, *ExitError, *FaultError.
func (p *Process) Step(tid int, timeout time.Duration) error {
	return p.withThread(tid, func(t *thread) error {
		return p.settle(t, p.step(t, time.Now().Add(timeout)))
	})
}

// settle leaves a thread that was stepped in a state in which our death does not
// hurt it: the kernel would deliver the SIGTRAP that it has stopped for. err is
// how the work went, and is part of the result.
func (p *Process) settle(t *thread, err error) error {
	if errors.Is(err, ErrNoProcess) {
		return err
	}
	errs := []error{err, p.requeue(t)}
	if !t.trapped && !t.running && t.sig == 0 {
		errs = append(errs, p.trap(t))
	}
	return joined(errs)
}

// joined is errors.Join, but leaves a single error as it is, so that it can be
// compared.
func joined(errs []error) error {
	var some []error
	for _, err := range errs {
		if err != nil {
			some = append(some, err)
		}
	}
	if len(some) == 1 {
		return some[0]
	}
	return errors.Join(some...)
}

// step does one step. Signals that come are kept.
func (p *Process) step(t *thread, deadline time.Time) error {
	for {
		if err := p.keep(t); err != nil {
			return err
		}
		if err := ptrace(unix.PTRACE_SINGLESTEP, t.tid, 0, 0); err != nil {
			return p.opError(t.tid, "step", err)
		}
		t.running, t.trapped = true, false
		s, ok, err := p.waitStop(t, deadline)
		if err != nil {
			return err
		}
		if !ok {
			return p.abandonStep(t)
		}
		p.note(t, s)
		switch {
		case s.kind == stopExit:
			return s.exit
		case s.kind == stopSignal && s.signal == syscall.SIGTRAP:
			t.sig = 0
			return nil
		case s.kind == stopSignal:
			if err := p.checkFault(t); err != nil {
				return err
			}
		}
		// A signal or a stop that came before the instruction: once more.
	}
}

// abandonStep stops a thread that blocks in a system call.
func (p *Process) abandonStep(t *thread) error {
	if err := p.interrupt(t); err != nil {
		return err
	}
	if err := p.collect(t, time.Now().Add(stopTimeout)); err != nil {
		return err
	}
	if p.threads[t.tid] == nil {
		return &ExitError{TID: t.tid}
	}
	if err := p.dropTrap(t); err != nil {
		return err
	}
	return ErrStepTimeout
}

// dropTrap takes away the SIGTRAP of an abandoned step: leaving the system call
// completed the instruction, but the kernel reports the interrupt first. Left
// pending, it would kill the target.
func (p *Process) dropTrap(t *thread) error {
	if t.sig != syscall.SIGTRAP {
		st, err := readStatus(fmt.Sprintf("%d/task/%d", p.pid, t.tid))
		if err != nil {
			return err
		}
		if st.sigPnd&(1<<(syscall.SIGTRAP-1)) == 0 {
			return nil
		}
		if err := p.keep(t); err != nil {
			return err
		}
		// The thread gets to the signal before it does anything else.
		if err := ptrace(unix.PTRACE_CONT, t.tid, 0, 0); err != nil {
			return p.opError(t.tid, "resume", err)
		}
		t.running = true
		if err := p.collect(t, time.Now().Add(stopTimeout)); err != nil {
			return err
		}
	}
	info, err := getSiginfo(t.tid)
	if err == nil && t.sig == syscall.SIGTRAP && info.code() > 0 {
		t.sig = 0
	}
	return nil
}

// checkFault gives an error when the signal that t is about to get comes from
// its own instruction. It is not kept: the instruction will cause it again.
func (p *Process) checkFault(t *thread) error {
	switch t.sig {
	case syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGILL, syscall.SIGFPE, syscall.SIGSYS, syscall.SIGTRAP:
	default:
		return nil
	}
	info, err := getSiginfo(t.tid)
	if err != nil {
		return p.opError(t.tid, "read the signal of", err)
	}
	if info.code() <= 0 { // sent by a process
		return nil
	}
	var regs unix.PtraceRegs
	if err := p.getRegs(t, &regs); err != nil {
		return err
	}
	sig := t.sig
	t.sig = 0
	return &FaultError{t.tid, int(sig), pc(&regs)}
}
