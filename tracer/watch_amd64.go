package tracer

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// WatchKind is what the processor stops a thread for.
type WatchKind uint8

const (
	// WatchExecute stops before the instruction at the address is executed.
	WatchExecute WatchKind = iota
	// WatchAccess stops after one of two bytes at the address, which is even, was read or written.
	WatchAccess
)

// Watches is how many watches a thread can have: debug registers 0 to 3 of x86.
const Watches = 4

// Debug registers in struct user (sys/user.h), and their fields (Intel SDM volume 3, 17.2).
const (
	debugRegister = 848 // offsetof(struct user, u_debugreg)
	debugStatus   = 6
	debugControl  = 7
)

// SetWatch sets watch n of the main thread. Nothing in memory changes, and neither its children nor its other threads
// have the watch; an exec takes it away. Errors: those of ptrace, as where a virtual machine has no debug registers.
func (p *Process) SetWatch(n int, a procmem.Addr, kind WatchKind) error {
	return p.withThread(p.pid, func(t *thread) error {
		if n < 0 || n >= Watches || kind == WatchAccess && a&1 != 0 {
			return fmt.Errorf("cannot watch %#x: %w", uint64(a), unix.EINVAL)
		}
		if err := p.clearWatch(t, n); err != nil {
			return err
		}
		p.watched = true
		if err := ptrace(unix.PTRACE_POKEUSR, t.tid, debugRegister+8*uintptr(n), uintptr(a)); err != nil {
			return p.opError(t.tid, "set a watch in", err)
		}
		control, err := p.debugRegister(t, debugControl)
		if err != nil {
			return err
		}
		control |= 1 << (2 * n)
		if kind == WatchAccess {
			control |= 0b0111 << (16 + 4*n) // length 2, read or write
		}
		if err := ptrace(unix.PTRACE_POKEUSR, t.tid, debugRegister+8*debugControl, uintptr(control)); err != nil {
			return p.opError(t.tid, "set a watch in", err)
		}
		return nil
	})
}

// ClearWatch takes watch n away, if it is set.
func (p *Process) ClearWatch(n int) error {
	return p.withThread(p.pid, func(t *thread) error { return p.clearWatch(t, n) })
}

func (p *Process) clearWatch(t *thread, n int) error {
	control, err := p.debugRegister(t, debugControl)
	if err != nil {
		return err
	}
	control &^= 3<<(2*n) | 15<<(16+4*n)
	if err := ptrace(unix.PTRACE_POKEUSR, t.tid, debugRegister+8*debugControl, uintptr(control)); err != nil {
		return p.opError(t.tid, "clear a watch in", err)
	}
	return nil
}

// clearWatches takes all watches away: they would outlast us, and their traps would kill.
func (p *Process) clearWatches(t *thread) error {
	if !p.watched || t.tid != p.pid {
		return nil
	}
	if err := ptrace(unix.PTRACE_POKEUSR, t.tid, debugRegister+8*debugControl, 0); err != nil {
		return p.opError(t.tid, "clear the watches in", err)
	}
	return nil
}

func (p *Process) debugRegister(t *thread, n uintptr) (v uint64, err error) {
	if err := ptracePtr(unix.PTRACE_PEEKUSR, t.tid, debugRegister+8*n, unsafe.Pointer(&v)); err != nil {
		return 0, p.opError(t.tid, "read a debug register of", err)
	}
	return v, nil
}

// WatchEvent is why ContinueToWatch has returned.
type WatchEvent struct {
	Exec bool // the process has replaced its program and has no watches any more
	Hit  [Watches]bool
}

// ContinueToWatch lets the main thread of a spawned process, and all others, run until one of its watches is hit or it
// calls exec. Signals are passed on at once, faults among them. At the deadline it returns ErrStepTimeout, and the thread
// runs on: call it again, or Kill. Errors: *ExitError, ErrStepTimeout.
func (p *Process) ContinueToWatch(deadline time.Time) (ev WatchEvent, err error) {
	err = p.withThread(p.pid, func(t *thread) error {
		for {
			s, err := p.nextStop(unix.PTRACE_CONT, t, deadline)
			if err != nil {
				return err
			}
			if stopped, err := p.watchStop(t, s, &ev); stopped || err != nil {
				return err
			}
		}
	})
	return ev, err
}

// watchStop says whether a thread has stopped for a watch, or an exec, and which.
func (p *Process) watchStop(t *thread, s stop, ev *WatchEvent) (bool, error) {
	switch {
	case s.kind == stopEvent && s.event == unix.PTRACE_EVENT_EXEC:
		ev.Exec = true
		return true, nil
	case s.kind == stopSignal && s.signal == syscall.SIGTRAP:
		status, err := p.debugRegister(t, debugStatus)
		if err != nil || status&(1<<Watches-1) == 0 {
			return false, err // the program's own
		}
		at := uintptr(debugRegister + 8*debugStatus)
		if err := ptrace(unix.PTRACE_POKEUSR, t.tid, at, 0); err != nil {
			return false, p.opError(t.tid, "reset a debug register of", err)
		}
		t.sig = 0
		for i := range ev.Hit {
			ev.Hit[i] = status>>i&1 != 0
		}
		return true, nil
	}
	return false, nil
}

// StopAll stops the other threads of a spawned process, which ran on without being traced. Errors: those of [Attach].
func (p *Process) StopAll() error {
	return p.call(func() error {
		p.prepare()
		return p.stopAll()
	})
}
