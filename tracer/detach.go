package tracer

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Detach lets the target go on as if nothing had happened: signals that came
// meanwhile are delivered, threads that were stopped before stay stopped. Of an
// attached process it also takes back what SetRegs, SetSigMask and SetXState
// changed since the last RunFor; a spawned one keeps it. Calling it again does
// nothing. That the target has ended is not an error. A twin is killed.
func (p *Process) Detach() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detached {
		return nil
	}
	if p.twin {
		return p.discard()
	}
	var errs []error
	p.loop.do(func() {
		for _, t := range p.threads {
			if err := p.release(t); err != nil {
				errs = append(errs, err)
			}
		}
		if p.resumedAt.IsZero() { // no thread was left
			p.markResumed()
		}
	})
	p.end()
	return errors.Join(errs...)
}

// discard ends a twin.
func (p *Process) discard() error {
	var err error
	p.loop.do(func() {
		for _, t := range p.threads {
			err = errors.Join(err, p.slay(t))
		}
	})
	p.end()
	return err
}

// release detaches from one stopped thread.
func (p *Process) release(t *thread) error {
	var errs []error
	if !p.spawned {
		errs = append(errs, p.restore(t))
	}
	errs = append(errs, p.requeue(t))
	if t.running {
		// It could not be stopped again; the end of our thread detaches it.
		return errors.Join(errs...)
	}
	errs = append(errs, p.clearWatches(t))
	p.markResumed() // afterwards it may be long until we run again: the thread of the target does
	err := ptrace(unix.PTRACE_DETACH, t.tid, 0, uintptr(t.sig))
	if err != nil {
		errs = append(errs, p.opError(t.tid, "detach from", err))
	}
	out := errs[:0]
	for _, err := range errs {
		if err != nil && !errors.Is(err, ErrNoProcess) {
			out = append(out, err)
		}
	}
	return errors.Join(out...)
}
