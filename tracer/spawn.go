package tracer

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spawn starts a program under ptrace and returns when it is stopped after its
// exec, before its first instruction. It inherits the standard descriptors, and
// whatever else is open without close-on-exec. Until Detach it is killed when we
// die. The caller ends it with Detach (it goes on) or Kill, and then Wait.
func Spawn(path string, argv, env []string) (*Process, error) {
	p := &Process{spawned: true, loop: startLoop(), threads: map[int]*thread{}}
	err := p.call(func() error { return p.spawn(path, argv, env) })
	if err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

func (p *Process) spawn(path string, argv, env []string) error {
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return &os.PathError{Op: "start", Path: path, Err: err}
	}
	p.pid = pid
	t := &thread{tid: pid, running: true}
	p.threads[pid] = t
	err = p.awaitExec(t)
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		for {
			if _, err := syscall.Wait4(pid, nil, 0, nil); !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		return fmt.Errorf("cannot start %s under ptrace: %w", path, err)
	}
	return nil
}

// awaitExec waits for the stop that follows exec.
func (p *Process) awaitExec(t *thread) error {
	var s stop
	for {
		_, ws, err := waitTID(t.tid, 0)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if s, err = decode(t.tid, ws); err != nil {
			return err
		}
		break
	}
	if s.kind == stopExit {
		return s.exit
	}
	t.running = false
	p.markStopped()
	return ptrace(unix.PTRACE_SETOPTIONS, t.tid, 0, p.options(t))
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
		}
		p.ended = &ws
	}
	return *p.ended, nil
}
