package tracer

import (
	"golang.org/x/sys/unix"
)

// savedState is a thread's state before the caller first changed it.
type savedState struct {
	regs   *unix.PtraceRegs
	mask   *uint64
	xstate []byte
}

// Regs gives the general registers of a stopped thread.
func (p *Process) Regs(tid int) (regs unix.PtraceRegs, err error) {
	err = p.withThread(tid, func(t *thread) error { return p.getRegs(t, &regs) })
	return regs, err
}

// SetRegs sets the general registers of a stopped thread. Precondition: when the
// thread is inside a system call (orig_rax is not -1) and its instruction
// pointer changes, set orig_rax to -1, or the kernel moves the pointer back.
func (p *Process) SetRegs(tid int, regs unix.PtraceRegs) error {
	return p.withThread(tid, func(t *thread) error {
		if t.saved.regs == nil {
			var old unix.PtraceRegs
			if err := p.getRegs(t, &old); err != nil {
				return err
			}
			t.saved.regs = &old
		}
		return p.setRegs(t, &regs)
	})
}

// XState gives the extended registers (floating point, vectors) as the kernel
// gives them: the XSAVE format, not compacted.
func (p *Process) XState(tid int) (state []byte, err error) {
	err = p.withThread(tid, func(t *thread) error {
		state, err = p.getXState(t)
		return err
	})
	return state, err
}

// SetXState sets the extended registers.
func (p *Process) SetXState(tid int, state []byte) error {
	return p.withThread(tid, func(t *thread) error {
		if len(state) == 0 {
			return p.opError(tid, "set the extended registers of", unix.EINVAL)
		}
		if t.saved.xstate == nil {
			old, err := p.getXState(t)
			if err != nil {
				return err
			}
			t.saved.xstate = old
		}
		return p.setXState(t, state)
	})
}

// SigMask gives the blocked signals of a stopped thread: signal n is bit n-1.
func (p *Process) SigMask(tid int) (mask uint64, err error) {
	err = p.withThread(tid, func(t *thread) error {
		mask, err = p.getMask(t)
		return err
	})
	return mask, err
}

// SetSigMask sets the blocked signals.
func (p *Process) SetSigMask(tid int, mask uint64) error {
	return p.withThread(tid, func(t *thread) error {
		if t.saved.mask == nil {
			old, err := p.getMask(t)
			if err != nil {
				return err
			}
			t.saved.mask = &old
		}
		return p.setMask(t, mask)
	})
}

// restore puts back what the caller has changed.
func (p *Process) restore(t *thread) error {
	s := t.saved
	t.saved = savedState{}
	if s.xstate != nil {
		if err := p.setXState(t, s.xstate); err != nil {
			return err
		}
	}
	if s.mask != nil {
		if err := p.setMask(t, *s.mask); err != nil {
			return err
		}
	}
	if s.regs != nil {
		return p.setRegs(t, s.regs)
	}
	return nil
}

func (p *Process) getRegs(t *thread, regs *unix.PtraceRegs) error {
	if err := getRegs(t.tid, regs); err != nil {
		return p.opError(t.tid, "read the registers of", err)
	}
	return nil
}

func (p *Process) setRegs(t *thread, regs *unix.PtraceRegs) error {
	if err := setRegs(t.tid, regs); err != nil {
		return p.opError(t.tid, "set the registers of", err)
	}
	return nil
}

func (p *Process) getMask(t *thread) (uint64, error) {
	mask, err := getSigMask(t.tid)
	if err != nil {
		return 0, p.opError(t.tid, "read the signal mask of", err)
	}
	return mask, nil
}

func (p *Process) setMask(t *thread, mask uint64) error {
	if err := setSigMask(t.tid, mask); err != nil {
		return p.opError(t.tid, "set the signal mask of", err)
	}
	return nil
}

func (p *Process) getXState(t *thread) ([]byte, error) {
	state, err := getRegset(t.tid, ntXstate, make([]byte, maxXstate))
	if err != nil {
		return nil, p.opError(t.tid, "read the extended registers of", err)
	}
	return append([]byte(nil), state...), nil
}

func (p *Process) setXState(t *thread, state []byte) error {
	if err := setRegset(t.tid, ntXstate, state); err != nil {
		return p.opError(t.tid, "set the extended registers of", err)
	}
	return nil
}
