package tracer

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// Program is what Spawn starts.
type Program struct {
	Path      string
	Argv, Env []string
	Dir       string // working directory; "" for ours
	Start     *Start // nil: as this process has it
	Dies      bool   // it dies, with all that ContinueFamily traces, when we die; else it goes on
}

// Start is what a program finds at its start and the Go runtime changes in this process.
type Start struct {
	Closed  [3]bool // which of the standard descriptors are closed
	Blocked uint64  // signals: bit n-1 is signal n
	Ignored uint64
}

// Spawn starts a program under ptrace and returns when it is stopped after its exec, before its first
// instruction. It inherits the standard descriptors, and whatever else is open without close-on-exec.
// When we die, it goes on. The caller ends it with Detach (it goes on) or Kill, and then Wait.
func Spawn(program Program) (*Process, error) {
	p := &Process{spawned: true, dies: program.Dies, loop: startLoop(), threads: map[int]*thread{}}
	err := p.call(func() error { return p.spawn(program) })
	if err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

func (p *Process) spawn(program Program) error {
	files := []uintptr{0, 1, 2}
	for fd := range files {
		if program.Start != nil && program.Start.Closed[fd] {
			files[fd] = ^uintptr(0)
		}
	}
	pid, err := syscall.ForkExec(program.Path, program.Argv, &syscall.ProcAttr{
		Env:   program.Env,
		Dir:   program.Dir,
		Files: files,
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return &os.PathError{Op: "start", Path: program.Path, Err: err}
	}
	p.pid = pid
	t := &thread{tid: pid, running: true}
	p.threads[pid] = t
	if err = p.seizeSpawned(t); err == nil {
		p.markStopped()
		err = p.giveStart(t, program.Start)
	}
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		for {
			if _, err := syscall.Wait4(pid, nil, 0, nil); !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		return fmt.Errorf("cannot start %s under ptrace: %w", program.Path, err)
	}
	return nil
}

// giveStart gives a child that has done nothing yet the signals that s says. A child has those
// blocked that its parent has, but handlers of the Go runtime are the default action after its
// exec. SIGTRAP is left out: where that is ignored, the kernel sets its default action with the
// first step.
func (p *Process) giveStart(t *thread, s *Start) error {
	if s == nil {
		return nil
	}
	if err := p.setMask(t, s.Blocked); err != nil || s.Ignored == 0 {
		return err
	}
	var regs unix.PtraceRegs
	if err := p.getRegs(t, &regs); err != nil {
		return err
	}
	var action [64]byte // struct sigaction of the kernel, 32 bytes: the handler is first
	action[0] = 1       // SIG_IGN
	at := stackPointer(&regs) - redZone - procmem.Addr(len(action))
	if _, err := p.writeMem(action[:], at); err != nil {
		return err
	}
	for n := 1; n <= 64; n++ {
		if s.Ignored>>(n-1)&1 == 0 || n == int(unix.SIGTRAP) {
			continue
		}
		if _, err := p.inject(t, unix.SYS_RT_SIGACTION, uint64(n), uint64(at), 0, 8); err != nil {
			return err
		}
	}
	return nil
}

// seizeSpawned takes a child that asked to be traced (PTRACE_TRACEME) by PTRACE_SEIZE instead, before its first
// instruction: only so can it be interrupted without a signal, and stopped by its user.
func (p *Process) seizeSpawned(t *thread) error {
	if err := p.awaitSpawned(t, stopSignal, syscall.SIGTRAP); err != nil { // of its exec
		return err
	}
	if err := ptrace(unix.PTRACE_DETACH, t.tid, 0, uintptr(syscall.SIGSTOP)); err != nil {
		return err
	}
	if err := ptrace(unix.PTRACE_SEIZE, t.tid, 0, p.options()); err != nil {
		return err
	}
	t.running = true
	if err := p.awaitSpawned(t, stopGroup, syscall.SIGSTOP); err != nil {
		return err
	}
	if err := unix.Kill(t.tid, unix.SIGCONT); err != nil {
		return err
	}
	if err := ptrace(unix.PTRACE_CONT, t.tid, 0, 0); err != nil {
		return err
	}
	if err := p.awaitSpawned(t, stopSignal, syscall.SIGCONT); err != nil {
		return err
	}
	t.sig, t.group = 0, false
	return nil
}

// awaitSpawned waits for a stop of a child that has done nothing yet. Other stops that come first are passed over.
func (p *Process) awaitSpawned(t *thread, kind stopKind, sig syscall.Signal) error {
	for {
		_, ws, err := waitTID(t.tid, 0)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		s, err := decode(t.tid, ws)
		switch {
		case err != nil:
			return err
		case s.kind == stopExit:
			return s.exit
		}
		p.note(t, s)
		if s.kind == kind && s.signal == sig {
			return nil
		}
		if err := p.resume(t); err != nil {
			return err
		}
	}
}

// Continue lets one thread run, the others stay stopped, until it hits a
// breakpoint or another trap (nil), or the timeout has passed (ErrStepTimeout;
// it is stopped). Signals are passed on at once. Errors: *FaultError,
// *ExitError, ErrStepTimeout.
func (p *Process) Continue(tid int, timeout time.Duration) error {
	return p.withThread(tid, func(t *thread) error {
		if err := p.requeue(t); err != nil {
			return err
		}
		deadline := time.Now().Add(timeout)
		for {
			if err := p.resume(t); err != nil {
				return err
			}
			s, ok, err := p.waitStop(t, deadline)
			if err != nil {
				return err
			}
			if !ok {
				return p.abandonRun(t)
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
		}
	})
}

// abandonRun stops a thread that ran for too long. It may hit its breakpoint just
// then, which must not get lost.
func (p *Process) abandonRun(t *thread) error {
	if err := p.interrupt(t); err != nil {
		return err
	}
	if err := p.collect(t, time.Now().Add(stopTimeout)); err != nil {
		return err
	}
	switch {
	case p.threads[t.tid] == nil:
		return &ExitError{TID: t.tid}
	case t.sig == syscall.SIGTRAP:
		t.sig = 0
		return nil
	}
	return ErrStepTimeout
}

// Kill kills the process. It may be called at any time, also after Detach; of a
// spawned process that Wait has seen the end of, it does nothing.
func (p *Process) Kill() error {
	err := unix.Kill(p.pid, unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// Wait waits until a spawned process ends and gives its status. A process that
// is still traced is detached first.
func (p *Process) Wait() (syscall.WaitStatus, error) {
	if !p.spawned {
		return 0, fmt.Errorf("process %d is not a child of this process", p.pid)
	}
	if err := p.Detach(); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.ended == nil {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(p.pid, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("cannot wait for process %d: %w", p.pid, err)
		case ws.Stopped():
			continue // a stop from before the detach that nobody had taken: no end
		}
		p.ended = &ws
	}
	return *p.ended, nil
}
