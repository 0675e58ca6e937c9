package tracer

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// keptSignal is a signal that was taken from a thread.
type keptSignal struct {
	sig  syscall.Signal
	info siginfo
}

// keep takes the signal that t is about to get, so that t can be made to do
// something else first.
func (p *Process) keep(t *thread) error {
	if t.sig == 0 {
		return nil
	}
	info, err := getSiginfo(t.tid)
	if err != nil {
		return p.opError(t.tid, "read the signal of", err)
	}
	// The kernel, too, holds each of the old signals only once.
	known := false
	for _, k := range t.kept {
		known = known || k.sig == t.sig
	}
	if !known || t.sig >= firstRealtime {
		t.kept = append(t.kept, keptSignal{t.sig, info})
	}
	t.sig = 0
	return nil
}

// firstRealtime is the first signal that can be pending more than once.
const firstRealtime = 32

// requeue makes the kept signals pending again, just as they were. Only a thread
// itself may queue a signal that seems to come from the kernel (a timer, a
// child's end), so it is made to do so. If we die later, nothing is lost.
func (p *Process) requeue(t *thread) error {
	var errs []error
	kept := t.kept
	t.kept = nil
	for _, k := range kept {
		err := p.requeueOne(t, k)
		if err != nil && !errors.Is(err, ErrNoProcess) {
			// Better without its details than not at all.
			err = unix.Tgkill(p.pid, t.tid, k.sig)
			if errors.Is(err, unix.ESRCH) {
				err = nil
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (p *Process) requeueOne(t *thread, k keptSignal) error {
	if k.sig == syscall.SIGSTOP || k.sig == syscall.SIGKILL { // cannot be blocked, and have no handler
		return unix.Tgkill(p.pid, t.tid, k.sig)
	}
	if !p.twin {
		if c, err := p.openChain(t); err == nil {
			_, err := p.writeMem(k.info[:], c.spare)
			if err == nil {
				err = queueToSelf(c.callHome, k.sig, uint64(c.spare))
			}
			return joined([]error{err, c.close()})
		}
	}
	var regs unix.PtraceRegs
	if err := p.getRegs(t, &regs); err != nil {
		return err
	}
	// Below the red zone nothing is in use; put the bytes back all the same.
	at := (stackPointer(&regs) - redZone - 2*siginfoSize) &^ 15
	old := make([]byte, siginfoSize)
	if _, err := p.readMem(old, at); err != nil {
		return err
	}
	if _, err := p.writeMem(k.info[:], at); err != nil {
		return err
	}
	call := func(nr uint64, args ...uint64) (uint64, error) { return p.inject(t, nr, args...) }
	err := queueToSelf(call, k.sig, uint64(at))
	_, werr := p.writeMem(old, at)
	return errors.Join(err, werr)
}

// queueToSelf makes a thread call rt_tgsigqueueinfo for itself. The target may be in
// another pid namespace: it is asked for its ids.
func queueToSelf(call func(nr uint64, args ...uint64) (uint64, error), sig syscall.Signal, info uint64) error {
	pid, err := call(unix.SYS_GETPID)
	if err != nil {
		return err
	}
	tid, err := call(unix.SYS_GETTID)
	if err != nil {
		return err
	}
	_, err = call(unix.SYS_RT_TGSIGQUEUEINFO, pid, tid, uint64(sig), info)
	return err
}
