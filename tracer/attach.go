package tracer

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stopTimeout is how long a thread may take to stop.
const stopTimeout = 10 * time.Second

// Attach stops all threads of a running process and returns when all are
// stopped. The caller ends it with Detach.
//
// Errors: ErrNoProcess, ErrZombie, ErrKernelThread, ErrSelf, *NotLeaderError,
// *PermissionError (says why and what to do), *StuckError. After an error the
// process runs as before.
func Attach(pid int) (*Process, error) {
	if err := traceable(pid); err != nil {
		return nil, err
	}
	p := &Process{pid: pid, loop: startLoop(), threads: map[int]*thread{}}
	err := p.call(func() error {
		p.prepare()
		return p.stopAll()
	})
	if err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// traceable finds the cases in which ptrace's own error would mislead.
func traceable(pid int) error {
	if pid <= 0 {
		return fmt.Errorf("%d is not a process id: %w", pid, ErrNoProcess)
	}
	st, err := readStatus(fmt.Sprint(pid))
	switch {
	case err != nil:
		return err
	case st.tgid == os.Getpid():
		return fmt.Errorf("process %d: %w", pid, ErrSelf)
	case st.tgid != 0 && st.tgid != pid:
		return &NotLeaderError{TID: pid, PID: st.tgid}
	case st.kthread || isKernelThread(pid):
		return fmt.Errorf("process %d (%s): %w", pid, st.name, ErrKernelThread)
	case (st.state == "Z" || st.state == "X") && !hasLiveThread(pid):
		return fmt.Errorf("process %d (%s): %w", pid, st.name, ErrZombie)
	}
	return nil
}

// hasLiveThread says whether a process whose leader has ended goes on.
func hasLiveThread(pid int) bool {
	tids, _ := taskIDs(pid)
	for _, tid := range tids {
		if s := taskState(pid, tid); s != "Z" && s != "X" && s != "" {
			return true
		}
	}
	return false
}

// stopAll stops all running threads, also those that are not traced yet. New
// ones can only come from threads that run: it lists until it finds no new one
// while all that are known are stopped.
func (p *Process) stopAll() error {
	p.markStopped()
	deadline := time.Now().Add(stopTimeout)
	for {
		fresh, err := p.seizeNew()
		if err != nil {
			return err
		}
		running := 0
		for _, t := range p.threads {
			if t.running {
				running++
				if err := p.interrupt(t); err != nil {
					return err
				}
			}
		}
		if err := p.collectAll(deadline); err != nil {
			return err
		}
		if fresh == 0 && running == 0 {
			break
		}
	}
	if len(p.threads) == 0 {
		return fmt.Errorf("process %d ended: %w", p.pid, ErrNoProcess)
	}
	return nil
}

// seizeNew attaches to threads that are not traced yet and gives how many.
func (p *Process) seizeNew() (int, error) {
	tids, err := taskIDs(p.pid)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, tid := range tids {
		if p.threads[tid] != nil {
			continue
		}
		err := ptrace(unix.PTRACE_SEIZE, tid, 0, unix.PTRACE_O_TRACEEXEC)
		switch {
		case err == nil:
			p.threads[tid] = &thread{tid: tid, running: true}
			n++
		case errors.Is(err, unix.ESRCH):
			// It has ended since.
		case p.ours(tid):
			p.threads[tid] = &thread{tid: tid, running: true}
			n++
		default:
			// A thread on its way out is refused with EPERM.
			if s := taskState(p.pid, tid); s == "Z" || s == "X" || s == "" {
				continue
			}
			return n, diagnose(p.pid, "attach to", err)
		}
	}
	return n, nil
}

// ours says whether a thread that we do not know is traced by us all the same.
// When a thread calls exec, it takes over the leader's id and the leader ends.
func (p *Process) ours(tid int) bool {
	st, err := readStatus(fmt.Sprintf("%d/task/%d", p.pid, tid))
	return err == nil && st.tracerPid == unix.Gettid()
}

// interrupt asks a running thread to stop.
func (p *Process) interrupt(t *thread) error {
	err := ptrace(unix.PTRACE_INTERRUPT, t.tid, 0, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return p.opError(t.tid, "interrupt", err)
	}
	return nil // the wait finds out when it has ended
}

// collect waits for one interrupted thread and notes what it stopped for. A
// thread that has ended is dropped.
func (p *Process) collect(t *thread, deadline time.Time) error {
	s, ok, err := p.waitStop(t, deadline)
	if err != nil {
		return err
	}
	if !ok {
		return p.stuck(t)
	}
	return p.noteAndTrap(t, s)
}

// noteAndTrap records the stop of an interrupted thread. One that stopped for an
// exec is still inside that call: it goes on to where user code begins.
func (p *Process) noteAndTrap(t *thread, s stop) error {
	p.note(t, s)
	if s.kind == stopEvent {
		return p.trap(t)
	}
	return nil
}

// collectAll collects all interrupted threads, in the order in which they stop:
// the kernel reports the end of the leader only after that of all others.
func (p *Process) collectAll(deadline time.Time) error {
	var b backoff
	for {
		var late *thread
		for _, t := range p.threads {
			if !t.running {
				continue
			}
			s, ok, err := p.poll(t, b.sleeping())
			if err != nil {
				return err
			}
			if !ok {
				late = t
			} else if err := p.noteAndTrap(t, s); err != nil {
				return err
			}
		}
		switch {
		case late == nil:
			return nil
		case b.sleeping() && time.Now().After(deadline):
			return p.stuck(late)
		}
		b.wait()
	}
}

// note records a stop.
func (p *Process) note(t *thread, s stop) {
	t.running, t.trapped, t.sig = false, false, 0
	switch s.kind {
	case stopInterrupt:
		t.trapped, t.group = true, false
		p.hideInterrupt(t)
	case stopGroup:
		t.trapped, t.group = true, true
	case stopSignal:
		t.sig = s.signal
	case stopEvent:
		if s.event == unix.PTRACE_EVENT_EXEC {
			p.execed()
		}
	case stopExit:
		if p.spawned && t.tid == p.pid && s.exit.Known {
			p.ended = &s.status // reaped: Wait cannot ask for it again
		}
		p.drop(t)
	}
}

// hideInterrupt makes sure that the system call which our interrupt broke off is
// restarted. Failures do not matter: the thread has gone, or sees an EINTR.
func (p *Process) hideInterrupt(t *thread) {
	var regs unix.PtraceRegs
	if getRegs(t.tid, &regs) == nil && makeRestart(&regs) {
		_ = setRegs(t.tid, &regs)
	}
}

// execed forgets what was known of the program that exec replaced.
func (p *Process) execed() {
	p.site, p.gadgets = 0, gadgets{}
	p.closeMem()
}

func (p *Process) stuck(t *thread) error {
	wchan, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/wchan", p.pid, t.tid))
	if string(wchan) == "0" {
		wchan = nil
	}
	return &StuckError{p.pid, t.tid, taskState(p.pid, t.tid), string(wchan), stopTimeout}
}
