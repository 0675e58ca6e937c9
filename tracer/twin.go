package tracer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// TwinError says why no twin of a process was made. The process is as it was.
type TwinError struct {
	PID int
	Why string
	Err error // may be nil
}

func (e *TwinError) Error() string {
	s := fmt.Sprintf("cannot make a copy of process %d: %s", e.PID, e.Why)
	if e.Err != nil {
		s += fmt.Sprintf(" (%v)", e.Err)
	}
	return s
}

// Unwrap gives the cause, or nil.
func (e *TwinError) Unwrap() error { return e.Err }

// Twin makes a copy of the process with one thread, which stands where thread tid
// of p stands: with its registers and its signal mask. The memory is shared until
// one of them writes to it. The twin is stopped, and dies when we die or call its
// Detach; with it nothing can be done but through the methods of Process.
// p's threads are as before, and p may be detached while the twin lives.
//
// What the twin has in common with the process stays common: open files, and
// shared memory, which it must not be allowed to write to. Memory that is not
// given to children (MADV_DONTFORK) is missing in it.
//
// The thread makes a process which shares all memory with it, and that makes the
// twin and dies: so the twin is a child of init, and the process, which reaps the
// one between, has none. None of it can be seen by the process, except in what
// getrusage says of its children. When we are killed at any point the process goes
// on unharmed (see chain), with one exception: under a seccomp filter that forbids
// clone, wait4, rt_sigreturn or exit_group, which is suspended only while we live.
//
// Errors: *TwinError, *SeccompError, ErrNoGadget when it cannot be done;
// *ExitError and others when the process has ended.
func (p *Process) Twin(tid int) (*Process, error) {
	var twin *Process
	err := p.withThread(tid, func(t *thread) (err error) {
		twin, err = p.makeTwin(t)
		return p.settle(t, err)
	})
	if err != nil && twin != nil {
		_ = twin.Detach()
		twin = nil
	}
	return twin, err
}

func (p *Process) makeTwin(t *thread) (twin *Process, err error) {
	if p.spawned || p.twin {
		return nil, &TwinError{p.pid, "it was not attached to", nil}
	}
	st, err := readStatus(fmt.Sprint(p.pid))
	if err != nil {
		return nil, err
	}
	if st.nsInit {
		return nil, &TwinError{p.pid, "orphans in its container become its children", nil}
	}
	c, err := p.openChain(t)
	if err != nil {
		return nil, err
	}
	twin, err = c.twin()
	return twin, joined([]error{err, c.close()})
}

// errAgain is what clone gives, inside the kernel, when a signal interrupts it.
const errAgain = -513 // ERESTARTNOINTR

// twin does the calls.
func (c *chain) twin() (twin *Process, err error) {
	if err := c.refuseSubreaper(); err != nil {
		return nil, err
	}
	middle := 0
	c.cloned = func(pid int) (err error) {
		middle = pid
		twin, err = c.twinFrom(pid)
		return err
	}
	var ret uint64
	for range 10 {
		ret, err = c.call(c.at+reapFrame, unix.SYS_CLONE,
			unix.CLONE_VM|unix.CLONE_PARENT_SETTID, uint64(c.exitAt), uint64(c.reapArg()), 0)
		if err != nil || int64(ret) != errAgain {
			break
		}
	}
	c.cloned = nil
	if middle == 0 {
		if err == nil {
			err = &TwinError{c.p.pid, "clone failed", syscall.Errno(-int64(ret))}
		}
		return nil, err
	}
	if c.p.threads[c.t.tid] == nil {
		return twin, err
	}
	// ret is its id as the target knows it, in its namespace.
	if got, rerr := c.call(c.home(), unix.SYS_WAIT4, ret, 0, unix.WALL, 0); rerr != nil || got != ret {
		err = errors.Join(err, fmt.Errorf("process %d did not reap %d (%d): %w", c.p.pid, middle, int64(got), rerr))
	}
	return twin, err
}

// refuseSubreaper refuses a process that orphans become children of.
func (c *chain) refuseSubreaper() error {
	const getChildSubreaper = 37
	if _, err := c.callHome(unix.SYS_PRCTL, getChildSubreaper, uint64(c.spare)); err != nil {
		return err
	}
	var flag [4]byte
	if _, err := c.p.readMem(flag[:], c.spare); err != nil {
		return err
	}
	if flag != [4]byte{} {
		return &TwinError{c.p.pid, "orphans of its children become its children (PR_SET_CHILD_SUBREAPER)", nil}
	}
	return nil
}

// twinFrom makes the process in the middle clone the twin, and ends it.
func (c *chain) twinFrom(pid int) (twin *Process, err error) {
	m := &Process{pid: pid, twin: true, loop: c.p.loop, threads: map[int]*thread{}}
	mt := &thread{tid: pid, running: true}
	m.threads[pid] = mt
	defer func() { err = joined([]error{err, m.slay(mt)}) }()
	if err := m.collect(mt, time.Now().Add(stopTimeout)); err != nil {
		return nil, err
	}
	if err := m.setOptions(mt, unix.PTRACE_O_TRACECLONE); err != nil {
		return nil, err
	}
	regs, err := c.callRegs(c.exitAt, unix.SYS_CLONE, 0, uint64(c.exitAt), 0, 0)
	if err != nil {
		return nil, err
	}
	for range 10 {
		if err := m.setRegs(mt, &regs); err != nil {
			return nil, err
		}
		ret, err := m.runCall(mt, func(pid int) (err error) {
			twin, err = c.adopt(pid)
			return err
		})
		if err != nil || twin != nil {
			return twin, err
		}
		if int64(ret) != errAgain {
			return nil, &TwinError{c.p.pid, "clone failed", syscall.Errno(-int64(ret))}
		}
	}
	return nil, &TwinError{c.p.pid, "clone is interrupted again and again", nil}
}

// adopt makes a Process of the twin, which has inherited the options.
func (c *chain) adopt(pid int) (*Process, error) {
	w := &Process{pid: pid, twin: true, loop: c.p.loop.share(), threads: map[int]*thread{},
		site: c.p.site, gadgets: c.p.gadgets, breaks: map[procmem.Addr]byte{}}
	w.markStopped()
	t := &thread{tid: pid, running: true}
	w.threads[pid] = t
	err := w.collect(t, time.Now().Add(stopTimeout))
	if err == nil {
		err = w.setOptions(t, 0)
	}
	if err == nil {
		err = w.setMask(t, c.mask)
	}
	if err == nil {
		err = w.setRegs(t, &c.regs)
	}
	if err == nil {
		// The memory has the frames in it.
		_, err = w.writeMem(c.old, c.at)
	}
	return w, err
}

// slay kills a process that is ours alone, and waits for its end.
func (p *Process) slay(t *thread) error {
	if err := unix.Kill(p.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	deadline := time.Now().Add(stopTimeout)
	for p.threads[t.tid] != nil {
		s, ok, err := p.waitStop(t, deadline)
		if err != nil {
			return err
		}
		if !ok {
			return p.stuck(t)
		}
		if s.kind == stopExit {
			p.drop(t)
		}
	}
	p.closeMem()
	return nil
}
