package tracer

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// Fork lets the main thread of a spawned process make the process that it is about to make, and
// returns that, stopped before its first instruction. It is a child like any other, but dies when
// we die or call its Detach, as a twin does. The parent stays stopped in its call. Precondition:
// ContinueToCall has just returned for a call of fork. Errors: *TwinError, *ExitError, those of
// ptrace.
func (p *Process) Fork() (child *Process, err error) {
	err = p.withThread(p.pid, func(t *thread) error {
		if err := p.setOptions(t, forks); err != nil {
			return err
		}
		for child == nil {
			s, err := p.nextStop(unix.PTRACE_SYSCALL, t, time.Now().Add(stopTimeout))
			switch {
			case err != nil:
				return err
			case s.kind == stopCall:
				return p.forkFailed(t)
			case s.kind == stopEvent && s.event != unix.PTRACE_EVENT_EXEC:
				if child, err = p.adoptChild(t); err != nil {
					return err
				}
			}
		}
		return p.setOptions(t, unix.PTRACE_O_TRACESYSGOOD)
	})
	return child, err
}

// forkFailed says why a call that has returned has made no process.
func (p *Process) forkFailed(t *thread) error {
	var regs unix.PtraceRegs
	if err := p.getRegs(t, &regs); err != nil {
		return err
	}
	return &TwinError{p.pid, "its fork failed", syscall.Errno(-int64(result(&regs)))}
}

// adoptChild makes a Process of the child that a thread has just made.
func (p *Process) adoptChild(of *thread) (*Process, error) {
	pid, err := getEventMessage(of.tid)
	if err != nil || pid == 0 {
		return nil, fmt.Errorf("which process %d has made is not known: %w", p.pid, err)
	}
	w := &Process{pid: int(pid), twin: true, loop: p.loop.share(), threads: map[int]*thread{},
		site: p.site, gadgets: p.gadgets, breaks: map[procmem.Addr]byte{}}
	w.markStopped()
	t := &thread{tid: w.pid, running: true}
	w.threads[w.pid] = t
	if err = w.collect(t, time.Now().Add(stopTimeout)); err == nil {
		err = w.setOptions(t, 0)
	}
	return w, err
}
