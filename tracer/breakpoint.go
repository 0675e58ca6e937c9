package tracer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// EventKind says why a twin has stopped.
type EventKind int

const (
	// EventDeadline means that nothing has happened until the deadline.
	EventDeadline EventKind = iota
	// EventBreakpoint means that it has hit a breakpoint, the instruction at Addr.
	EventBreakpoint
	// EventSyscall means that it is about to do a system call. It will do it when it
	// continues; one that is killed now does not.
	EventSyscall
)

// Event is why ContinueUntil has returned.
type Event struct {
	Kind   EventKind
	Addr   procmem.Addr
	Number uint64    // of the system call
	Args   [6]uint64 // of the system call
}

// errNotTwin guards processes whose code must not be patched.
var errNotTwin = errors.New("only a twin can have breakpoints")

// SetBreakpoint makes a twin stop when it is about to execute the instruction at
// a. Setting it again does nothing.
func (p *Process) SetBreakpoint(a procmem.Addr) error {
	return p.call(func() error {
		if !p.twin {
			return errNotTwin
		}
		if _, ok := p.breaks[a]; ok {
			return nil
		}
		var old [1]byte
		if _, err := p.readMem(old[:], a); err != nil {
			return err
		}
		if _, err := p.writeMem(breakInsn, a); err != nil {
			return err
		}
		p.breaks[a] = old[0]
		return nil
	})
}

// ClearBreakpoint takes a breakpoint away, if there is one at a.
func (p *Process) ClearBreakpoint(a procmem.Addr) error {
	return p.call(func() error {
		if err := p.unpatch(a); err != nil {
			return err
		}
		delete(p.breaks, a)
		return nil
	})
}

// unpatch puts back what is under a breakpoint, if there is one.
func (p *Process) unpatch(a procmem.Addr) error {
	old, ok := p.breaks[a]
	if !ok {
		return nil
	}
	_, err := p.writeMem([]byte{old}, a)
	return err
}

// ContinueUntil lets a twin run until there is an Event. Signals that come from
// others do not reach it. Errors: *FaultError, *ExitError.
func (p *Process) ContinueUntil(deadline time.Time) (ev Event, err error) {
	err = p.withThread(p.pid, func(t *thread) error {
		if !p.twin {
			return errNotTwin
		}
		ev, err = p.continueUntil(t, deadline)
		return err
	})
	return ev, err
}

func (p *Process) continueUntil(t *thread, deadline time.Time) (Event, error) {
	if err := p.stepOver(t); err != nil {
		return Event{}, err
	}
	for {
		if err := ptrace(unix.PTRACE_SYSCALL, t.tid, 0, 0); err != nil {
			return Event{}, p.opError(t.tid, "resume", err)
		}
		t.running, t.trapped = true, false
		s, ok, err := p.waitStop(t, deadline)
		if err == nil && !ok {
			// What it does just now comes first, and is an event all the same.
			if err = p.interrupt(t); err == nil {
				s, ok, err = p.waitStop(t, time.Now().Add(stopTimeout))
			}
			if err == nil && !ok {
				err = p.stuck(t)
			}
		}
		if err != nil {
			return Event{}, err
		}
		p.note(t, s)
		ev, done, err := p.event(t, s)
		if done || err != nil {
			return ev, err
		}
		if time.Now().After(deadline) {
			return Event{Kind: EventDeadline}, nil
		}
	}
}

// event makes an Event of a stop; done is false for stops of no interest.
func (p *Process) event(t *thread, s stop) (ev Event, done bool, err error) {
	var regs unix.PtraceRegs
	switch {
	case s.kind == stopExit:
		return ev, false, s.exit
	case s.kind == stopCall && t.inCall:
		t.inCall = false
	case s.kind == stopCall:
		if err := p.getRegs(t, &regs); err != nil {
			return ev, false, err
		}
		t.inCall = true
		nr, args := callOf(&regs)
		return Event{Kind: EventSyscall, Addr: pc(&regs), Number: nr, Args: args}, true, nil
	case s.kind == stopSignal && s.signal == syscall.SIGTRAP:
		t.sig = 0
		if err := p.getRegs(t, &regs); err != nil {
			return ev, false, err
		}
		at := pc(&regs) - procmem.Addr(len(breakInsn))
		if _, ok := p.breaks[at]; !ok {
			return ev, false, &FaultError{t.tid, int(syscall.SIGTRAP), at}
		}
		setPC(&regs, at)
		if err := p.setRegs(t, &regs); err != nil {
			return ev, false, err
		}
		return Event{Kind: EventBreakpoint, Addr: at}, true, nil
	case s.kind == stopSignal:
		if err := p.checkFault(t); err != nil {
			return ev, false, err
		}
		t.sig = 0
	case s.kind == stopEvent:
		return ev, false, fmt.Errorf("thread %d stopped for an unexpected event %d", t.tid, s.event)
	}
	return ev, false, nil
}

// stepOver does the instruction under a breakpoint that the twin stands at.
func (p *Process) stepOver(t *thread) error {
	var regs unix.PtraceRegs
	if err := p.getRegs(t, &regs); err != nil {
		return err
	}
	at := pc(&regs)
	if _, ok := p.breaks[at]; !ok || t.inCall {
		return nil
	}
	if err := p.unpatch(at); err != nil {
		return err
	}
	if err := p.step(t, time.Now().Add(syscallTimeout)); err != nil {
		return err
	}
	t.kept = nil // nobody's
	_, err := p.writeMem(breakInsn, at)
	return err
}
