package tracer

import (
	"time"

	"golang.org/x/sys/unix"
)

// forks are the options by which the kernel traces what a process starts, too.
const forks = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
	unix.PTRACE_O_TRACECLONE

// ContinueFamily is ContinueToStop for a process and all that it starts: want gets the id of the
// one that makes a call. When it returns, but at the deadline, those that the process has started
// and that live are killed, and counted in Stop.Family. Errors: as of ContinueToStop.
func (p *Process) ContinueFamily(deadline time.Time,
	want func(pid int, c *Call) bool) (ev Stop, err error) {
	err = p.withThread(p.pid, func(t *thread) error {
		if !t.running {
			if err := p.setOptions(t, forks); err != nil {
				return err
			}
		}
		if p.family == nil {
			p.family = map[int]*thread{}
		}
		stopped, err := p.runFamily(t, deadline, want, &ev)
		if err != nil || stopped {
			ev.Family = len(p.family)
			p.killFamily()
		}
		if err == nil && !stopped {
			err = ErrStepTimeout
		}
		return err
	})
	return ev, err
}

// runFamily runs all until there is something to tell; false at the deadline.
func (p *Process) runFamily(t *thread, deadline time.Time, want func(int, *Call) bool,
	ev *Stop) (bool, error) {
	var b backoff
	for {
		for _, of := range p.family {
			call, err := p.pollChild(of, want)
			if err != nil {
				return false, err
			}
			if call != nil {
				ev.Call = call
				return true, nil
			}
		}
		if !t.running {
			if err := p.resumeBy(unix.PTRACE_SYSCALL, t); err != nil {
				return false, err
			}
		}
		s, ok, err := p.poll(t, b.sleeping())
		if err != nil {
			return false, err
		}
		if !ok {
			if b.sleeping() && time.Now().After(deadline) {
				return false, nil
			}
			b.wait()
			continue
		}
		b = backoff{}
		p.note(t, s)
		switch {
		case s.kind == stopExit:
			return false, s.exit
		case s.kind == stopCall:
			call, err := p.callAt(t)
			if err != nil {
				return false, err
			}
			if want(t.tid, call) {
				ev.Call = call
				return true, nil
			}
		case s.kind == stopEvent && s.event != unix.PTRACE_EVENT_EXEC:
			p.born(t)
		default:
			if stopped, err := p.watchStop(t, s, &ev.WatchEvent); stopped || err != nil {
				return stopped, err
			}
		}
	}
}

// born adds the process that one has just started; the kernel has stopped it for us.
func (p *Process) born(of *thread) {
	if pid, err := getEventMessage(of.tid); err == nil && pid != 0 {
		p.family[int(pid)] = &thread{tid: int(pid), running: true}
	}
}

// pollChild looks whether a started process has stopped, and lets it go on; it returns a call that
// is wanted.
func (p *Process) pollChild(t *thread, want func(int, *Call) bool) (*Call, error) {
	s, ok, err := p.poll(t, false)
	if err != nil || !ok {
		return nil, err
	}
	t.running, t.sig = false, 0
	switch s.kind {
	case stopExit:
		delete(p.family, t.tid)
		return nil, nil
	case stopCall:
		call, err := p.callAt(t)
		if err != nil {
			return nil, err
		}
		if want(t.tid, call) {
			return call, nil
		}
	case stopEvent:
		if s.event != unix.PTRACE_EVENT_EXEC {
			p.born(t)
		}
	case stopSignal:
		t.sig = s.signal
	}
	return nil, p.resumeBy(unix.PTRACE_SYSCALL, t)
}

// killFamily ends those that a killed process has started.
func (p *Process) killFamily() {
	for tid := range p.family {
		_ = unix.Kill(tid, unix.SIGKILL)
		_, _, _ = waitTID(tid, 0)
		delete(p.family, tid)
	}
}
