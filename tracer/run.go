package tracer

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// RunFor lets the target run for a while and stops it again. Signals are passed
// on meanwhile; threads that started are stopped too, those that ended are
// dropped. What SetRegs and its like changed stays. The error wraps ErrNoProcess
// when the target ended.
func (p *Process) RunFor(d time.Duration) error {
	return p.call(func() error {
		for _, t := range p.threads {
			t.saved = savedState{}
			if err := p.requeue(t); err != nil {
				return err
			}
		}
		p.markResumed()
		for _, t := range p.threads {
			if err := p.resume(t); err != nil {
				return err
			}
		}
		if err := p.watch(time.Now().Add(d)); err != nil {
			return err
		}
		return p.stopAll()
	})
}

// watch passes on what running threads report, until the deadline.
func (p *Process) watch(deadline time.Time) error {
	const interval = time.Millisecond
	for {
		for _, t := range p.threads {
			s, ok, err := p.poll(t, true)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			p.note(t, s)
			if s.kind == stopExit {
				continue
			}
			if err := p.resume(t); err != nil {
				return err
			}
		}
		if p.threads[p.pid] == nil {
			if err := p.adoptLeader(); err != nil {
				return err
			}
		}
		left := time.Until(deadline)
		if left <= 0 || len(p.threads) == 0 {
			return nil
		}
		time.Sleep(min(left, interval))
	}
}

// adoptLeader looks for a thread that became the leader by an exec, and waits to
// be resumed from it.
func (p *Process) adoptLeader() error {
	t := &thread{tid: p.pid, running: true}
	s, ok, err := p.poll(t, false)
	if err != nil || !ok || s.kind == stopExit {
		return err
	}
	p.threads[t.tid] = t
	p.note(t, s)
	return p.resume(t)
}

// resume lets one thread go on: with its signal, or back into its group-stop.
func (p *Process) resume(t *thread) error { return p.resumeBy(unix.PTRACE_CONT, t) }

// resumeBy lets one thread go on by a ptrace request, with its signal; one that is stopped by its user stays so.
func (p *Process) resumeBy(req int, t *thread) error {
	var err error
	if t.group && !t.trapped {
		if err := p.trap(t); err != nil {
			return err
		}
	}
	if t.group && t.trapped {
		err = ptrace(ptraceListen, t.tid, 0, 0)
	} else {
		err = ptrace(req, t.tid, 0, uintptr(t.sig))
	}
	if err != nil && err != syscall.ESRCH { // killed: the wait finds out
		return p.opError(t.tid, "resume", err)
	}
	t.running, t.sig, t.trapped = true, 0, false
	return nil
}

// trap brings a thread that was made to step into the trap of PTRACE_EVENT_STOP,
// where it is in its group-stop again, if there is one. The thread does nothing
// on the way: the kernel looks for traps first.
func (p *Process) trap(t *thread) error {
	if err := p.interrupt(t); err != nil {
		return err
	}
	if err := ptrace(unix.PTRACE_CONT, t.tid, 0, uintptr(t.sig)); err != nil {
		return p.opError(t.tid, "resume", err)
	}
	t.running = true
	return p.collect(t, time.Now().Add(stopTimeout))
}
