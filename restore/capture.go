package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// betweenTries is how long the target runs between two attempts to catch it.
const betweenTries = 3 * time.Millisecond

// captured is a consistent copy of the target. The target runs on.
type captured struct {
	maps    []procmem.Mapping
	space   *procmem.Space
	threads []image.Thread
	fds     []Descriptor
	cwd     string
	auxv    []byte
	stopped time.Duration // the longest time that the target was stopped at a stretch
	busy    bool
}

// capturer stops the target, again and again if need be, until it has a
// consistent copy.
type capturer struct {
	o        FreezeOptions
	live     *procmem.Live
	seeker   *seeker
	deadline time.Time
	stopped  time.Duration
}

// capture copies the target at a safe point.
func capture(ctx context.Context, o FreezeOptions, live *procmem.Live, in *symbols.Interpreter, lay *symbols.Layout) (*captured, error) {
	s, err := newSeeker(in, lay)
	if err != nil {
		return nil, err
	}
	o.progress("stopping the process")
	k := &capturer{o: o, live: live, seeker: s, deadline: time.Now().Add(o.Timeout)}
	for {
		c, why, err := k.attempt(ctx)
		switch {
		case err != nil:
			return nil, err
		case c != nil:
			c.stopped = k.stopped
			return c, nil
		case !time.Now().Before(k.deadline):
			return nil, &TimeoutError{o.Timeout, why}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(betweenTries):
		}
	}
}

// attempt stops the target once. Where that was no good moment, why says so.
func (k *capturer) attempt(ctx context.Context) (c *captured, why string, err error) {
	p, err := tracer.Attach(k.o.PID)
	if err != nil {
		return nil, "", err
	}
	resume := func() error {
		err := p.Detach()
		k.stopped = max(k.stopped, p.StoppedFor())
		return err
	}
	defer func() { err = errors.Join(err, resume()) }()

	st, err := k.seeker.state.Read(k.live)
	if err != nil {
		return nil, "", err
	}
	tid := p.Threads()[0]
	switch {
	case st.Finalizing:
		return nil, "the interpreter is shutting down", nil
	case st.GILLocked:
		if tid, err = k.seeker.tidOf(p, k.live, st.GILHolder); err != nil {
			return nil, "", err
		}
		if tid == 0 {
			return nil, fmt.Sprintf("the thread that holds the GIL (thread state %v) is not to be found", st.GILHolder), nil
		}
	case st.GCCollecting:
		return nil, "a garbage collection is running", nil
	}

	c = &captured{busy: st.GILLocked}
	if c.threads, err = threadsOf(p); err != nil {
		return nil, "", err
	}
	w, err := p.Twin(tid)
	switch {
	case err == nil:
	case errors.Is(err, tracer.ErrNoProcess):
		return nil, "", err
	case st.GILLocked:
		return nil, fmt.Sprintf("it is busy, and %v", err), nil
	default:
		// At rest, it can be copied as it is.
		return c, "", k.copyFrom(c, p, k.live)
	}
	defer func() { err = errors.Join(err, w.Detach()) }()
	if err := resume(); err != nil {
		return nil, "", err
	}
	why, err = k.fromTwin(ctx, c, w, st, tid)
	if why != "" || err != nil {
		return nil, why, err
	}
	return c, "", nil
}

// fromTwin completes c with what the twin of thread tid has, once that is at a
// safe point. The target runs on.
func (k *capturer) fromTwin(ctx context.Context, c *captured, w *tracer.Process, st pyheap.State, tid int) (why string, err error) {
	if c.fds, err = listDescriptors(w.PID()); err != nil {
		return "", err
	}
	if st.GILLocked {
		if why, err := k.seeker.run(ctx, w, st.GILHolder, k.deadline); why != "" || err != nil {
			return why, err
		}
		// That thread has gone on since; the memory is of this moment.
		at, err := threadsOf(w)
		if err != nil {
			return "", err
		}
		for i := range c.threads {
			if c.threads[i].Tid == tid {
				at[0].Tid = tid
				c.threads[i] = at[0]
			}
		}
	} else if err := closeAll(w); err != nil {
		return "", err
	}
	mem, err := procmem.OpenLive(w.PID())
	if err != nil {
		return "", err
	}
	defer mem.Close()
	return "", k.copyFrom(c, w, mem)
}

// copyFrom copies what p has: the target itself, or its twin.
func (k *capturer) copyFrom(c *captured, p *tracer.Process, mem *procmem.Live) (err error) {
	pid := p.PID()
	if c.maps, err = procmem.ReadMaps(pid); err != nil {
		return err
	}
	if pid == k.o.PID {
		if c.fds, err = listDescriptors(pid); err != nil {
			return err
		}
	}
	if c.cwd, err = os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err != nil {
		return err
	}
	if c.auxv, err = os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid)); err != nil {
		return err
	}
	c.space, err = procmem.Capture(mem, c.maps, k.o.progress("copying memory"))
	return err
}

// threadsOf notes the state of all threads of a stopped process.
func threadsOf(p *tracer.Process) (out []image.Thread, err error) {
	for _, tid := range p.Threads() {
		t := image.Thread{Tid: tid}
		if t.Regs, err = p.Regs(tid); err != nil {
			return nil, err
		}
		if t.XState, err = p.XState(tid); err != nil {
			return nil, err
		}
		if t.SigMask, err = p.SigMask(tid); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}
