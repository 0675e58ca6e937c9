package tracer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// chain makes a thread of the target do system calls in such a way that it finds
// back by itself should we be killed in the middle.
//
// Below the red zone of its stack, where nothing is in use, lie frames like those
// of signal handlers. Each call is made by a "syscall; ret" whose ret leads,
// through such a frame and rt_sigreturn, to what has to come next: from clone to
// reap, from all else home. While we live the thread never gets that far: it is
// stopped at the end of each call, and put back by PTRACE_SETREGS (rt_sigreturn
// would make a call that is to be continued, such as poll, fail with EINTR). When
// we die the kernel lets it run, and it does. Stops at system calls, unlike
// single steps, leave no signal behind when the tracer dies.
//
//	at      reap  wait4(the process that clone made), then home
//	        home  the thread as it was, its extended registers behind it
//	        exit  exit_group(0), for the process that clone makes
//	        scratch
type chain struct {
	p    *Process
	t    *thread
	code gadgets

	regs   unix.PtraceRegs // as they were
	mask   uint64
	old    []byte // what was in memory
	at     procmem.Addr
	exitAt procmem.Addr
	spare  procmem.Addr // spareSize bytes
	begun  bool
	cloned func(pid int) error // called at the stop of a clone
}

const (
	reapFrame = 0
	homeFrame = frameSize
	spareSize = 2 * siginfoSize
	nobody    = 0x7fffffff // more than any process id
)

// chainCalls are what is called in a chain, but for rt_sigreturn and exit_group, which any program
// calls.
var chainCalls = []uint64{unix.SYS_CLONE, unix.SYS_WAIT4, unix.SYS_PRCTL, unix.SYS_GETPID,
	unix.SYS_GETTID, unix.SYS_RT_TGSIGQUEUEINFO}

// openChain makes a stopped thread of an attached process ready for calls. The
// caller calls close.
func (p *Process) openChain(t *thread) (*chain, error) {
	maps, err := procmem.ReadMaps(p.pid)
	if err != nil {
		return nil, err
	}
	code, err := p.findGadgets(maps)
	if err != nil {
		return nil, err
	}
	st, err := readStatus(fmt.Sprintf("%d/task/%d", p.pid, t.tid))
	if err != nil {
		return nil, err
	}
	if err := p.keep(t); err != nil {
		return nil, err
	}
	options := uintptr(unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESYSGOOD)
	if err := p.setUnfiltered(t, st, options, chainCalls...); err != nil {
		return nil, err
	}
	c, err := p.newChain(t, code, maps)
	if err != nil {
		return nil, joined([]error{err, p.setOptions(t, 0)})
	}
	return c, nil
}

// setOptions gives a thread options besides the usual ones.
func (p *Process) setOptions(t *thread, more uintptr) error {
	if err := ptrace(unix.PTRACE_SETOPTIONS, t.tid, 0, p.options()|more); err != nil {
		return p.opError(t.tid, "set the ptrace options of", err)
	}
	return nil
}

// newChain writes the frames. Nothing is changed in the target until call, but
// memory that is not in use.
func (p *Process) newChain(t *thread, code gadgets, maps []procmem.Mapping) (*chain, error) {
	c := &chain{p: p, t: t, code: code}
	if err := p.getRegs(t, &c.regs); err != nil {
		return nil, err
	}
	var err error
	if c.mask, err = p.getMask(t); err != nil {
		return nil, err
	}
	state, err := getRegset(t.tid, ntXstate, make([]byte, maxXstate))
	if err != nil {
		return nil, p.opError(t.tid, "read the extended registers of", err)
	}
	xstate := signalXState(state)
	body := make([]byte, 2*frameSize, 2*frameSize+len(xstate)+63+frameSize+spareSize)
	body = append(body, xstate...)
	body = append(body, make([]byte, (-len(body))&63)...)
	exit := len(body)
	body = append(body, make([]byte, frameSize+spareSize)...)

	c.at = (stackPointer(&c.regs) - redZone - procmem.Addr(len(body))) &^ 63
	if !writable(maps, procmem.Range{Start: c.at, End: stackPointer(&c.regs)}) {
		return nil, &TwinError{p.pid, fmt.Sprintf("too little room on the stack of thread %d", t.tid), nil}
	}
	c.exitAt, c.spare = c.at+procmem.Addr(exit), c.at+procmem.Addr(exit+frameSize)

	var fp procmem.Addr
	if xstate != nil {
		fp = c.at + 2*frameSize
	}
	home := restarted(c.regs)
	putFrame(body[homeFrame:], code.restorer, &home, c.mask, fp)
	reap, err := c.callRegs(c.home(), unix.SYS_WAIT4, nobody, 0, unix.WALL, 0)
	if err != nil {
		return nil, err
	}
	putFrame(body[reapFrame:], code.restorer, &reap, ^uint64(0), 0)
	end, err := c.callRegs(c.at, unix.SYS_EXIT_GROUP, 0)
	if err != nil {
		return nil, err
	}
	putFrame(body[exit:], code.restorer, &end, ^uint64(0), 0)

	c.old = make([]byte, len(body))
	if _, err := p.readMem(c.old, c.at); err != nil {
		return nil, &TwinError{p.pid, "its stack cannot be read", err}
	}
	if _, err := p.writeMem(body, c.at); err != nil {
		return nil, &TwinError{p.pid, "its stack cannot be written", err}
	}
	return c, nil
}

// writable says whether a range lies in one private mapping that can be written.
func writable(maps []procmem.Mapping, r procmem.Range) bool {
	for _, m := range maps {
		if m.Contains(r.Start) {
			return m.Write && !m.Shared && r.Start < r.End && r.End <= m.End
		}
	}
	return false
}

func (c *chain) home() procmem.Addr { return c.at + homeFrame }

// reapArg is where clone has to put the id of the new process.
func (c *chain) reapArg() procmem.Addr { return c.at + reapFrame + frameArg0 }

// callRegs gives the registers with which a thread does one call, and then what
// the frame at next says.
func (c *chain) callRegs(next procmem.Addr, nr uint64, args ...uint64) (unix.PtraceRegs, error) {
	regs := c.regs
	regs.Rsp = uint64(next)
	err := setCall(&regs, c.code.call, nr, args)
	return regs, err
}

// call makes the thread do one call, with next as what follows if we die.
func (c *chain) call(next procmem.Addr, nr uint64, args ...uint64) (uint64, error) {
	regs, err := c.callRegs(next, nr, args...)
	if err != nil {
		return 0, err
	}
	if err := c.p.setRegs(c.t, &regs); err != nil {
		return 0, err
	}
	if !c.begun {
		// Not before: only home gives the mask back if we die.
		c.begun = true
		if err := c.p.setMask(c.t, ^uint64(0)); err != nil {
			return 0, err
		}
	}
	return c.p.runCall(c.t, c.cloned)
}

// callHome makes the thread do one call that does not concern other processes. A
// failed call gives its syscall.Errno.
func (c *chain) callHome(nr uint64, args ...uint64) (uint64, error) {
	ret, err := c.call(c.home(), nr, args...)
	if errno := int64(ret); err == nil && -4096 < errno && errno < 0 {
		err = syscall.Errno(-errno)
	}
	return ret, err
}

// close gives the thread its registers, mask, memory and options back.
func (c *chain) close() error {
	if c.p.threads[c.t.tid] == nil {
		return nil
	}
	if c.begun {
		if err := c.p.setMask(c.t, c.mask); err != nil {
			return err
		}
		if err := c.p.setRegs(c.t, &c.regs); err != nil {
			return err
		}
	}
	_, err := c.p.writeMem(c.old, c.at)
	return joined([]error{err, c.p.setOptions(c.t, 0)})
}

// runCall lets a thread that is about to do a system call do it, and gives the
// result. The thread has to have PTRACE_O_TRACESYSGOOD. cloned, if not nil, is
// called at the stop of a clone.
func (p *Process) runCall(t *thread, cloned func(pid int) error) (uint64, error) {
	deadline := time.Now().Add(syscallTimeout)
	var failed error
	for entered := false; ; {
		if err := p.keep(t); err != nil {
			return 0, err
		}
		if err := ptrace(unix.PTRACE_SYSCALL, t.tid, 0, 0); err != nil {
			return 0, p.opError(t.tid, "resume", err)
		}
		t.running, t.trapped = true, false
		s, ok, err := p.waitStop(t, deadline)
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, joined([]error{ErrStepTimeout, p.interrupt(t), p.collect(t, time.Now().Add(stopTimeout))})
		}
		p.note(t, s)
		switch {
		case s.kind == stopExit:
			return 0, s.exit
		case s.kind == stopEvent && s.event == unix.PTRACE_EVENT_CLONE:
			pid, err := getEventMessage(t.tid)
			if err == nil && cloned != nil {
				err = cloned(int(pid))
			}
			failed = errors.Join(failed, err)
		case s.kind == stopCall && !entered:
			entered = true
		case s.kind == stopCall:
			var regs unix.PtraceRegs
			err := p.getRegs(t, &regs)
			return result(&regs), joined([]error{failed, err})
		case s.kind == stopSignal:
			if err := p.checkFault(t); err != nil {
				return 0, err
			}
		}
	}
}
