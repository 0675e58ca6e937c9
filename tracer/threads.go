package tracer

import (
	"time"

	"golang.org/x/sys/unix"
)

// ContinueThreads is ContinueToStop for a process and the threads that it starts: want gets the id
// of the one that makes a call. Threads run on when it returns, each up to its next call.
// LetThreadsGo or KillThreads must follow the last one. Errors: as of ContinueToStop.
func (p *Process) ContinueThreads(deadline time.Time, want func(tid int, c *Call) bool) (ev Stop, err error) {
	err = p.withThread(p.pid, func(t *thread) error {
		if !t.running {
			if err := p.setOptions(t, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE); err != nil {
				return err
			}
		}
		if p.family == nil {
			p.family = map[int]*thread{}
		}
		stopped, err := p.runFamily(t, deadline, want, &ev)
		if err == nil && !stopped {
			err = ErrStepTimeout
		}
		return err
	})
	return ev, err
}

// LetThreadsGo lets the threads that ContinueThreads has traced run without that. Precondition: the
// main thread is stopped.
func (p *Process) LetThreadsGo() error {
	return p.withThread(p.pid, func(t *thread) error {
		if err := p.setOptions(t, 0); err != nil {
			return err
		}
		for tid, of := range p.family {
			if err := p.letGo(of); err != nil {
				return err
			}
			delete(p.family, tid)
		}
		return nil
	})
}

func (p *Process) letGo(of *thread) error {
	if err := p.interrupt(of); err != nil {
		return err
	}
	s, ok, err := p.waitStop(of, time.Now().Add(stopTimeout))
	switch {
	case err != nil:
		return err
	case !ok:
		return p.stuck(of)
	case s.kind == stopExit:
		return nil
	case s.kind == stopInterrupt:
		p.hideInterrupt(of)
	case s.kind == stopSignal:
		of.sig = s.signal
	}
	err = ptrace(unix.PTRACE_DETACH, of.tid, 0, uintptr(of.sig))
	if err != nil && err != unix.ESRCH { // killed meanwhile
		return p.opError(of.tid, "detach from", err)
	}
	return nil
}

// KillThreads kills the process, and all its threads with it: none makes the call that it was about
// to make.
func (p *Process) KillThreads() error {
	err := p.Kill()
	return joined([]error{err, p.call(func() error {
		for tid := range p.family {
			for {
				got, ws, err := waitTID(tid, 0)
				if err != nil || got == tid && (ws.Exited() || ws.Signaled()) {
					break
				}
			}
			delete(p.family, tid)
		}
		return nil
	})})
}
