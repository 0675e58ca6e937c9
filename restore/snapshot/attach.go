package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// Tell is told of progress: a step, and how much of it is done; total is 0 where that is not known.
type Tell func(step string, done, total uint64)

// Open finds the interpreter of a running process and the layout of its types. All that takes long and needs no standstill comes here.
// The caller closes the Target, unless a Copy has taken it over.
func Open(ctx context.Context, pid int, tell Tell) (*Target, error) {
	return open(ctx, pid, symbols.Source{}, tell)
}

// open is Open, with the files of a source.
func open(ctx context.Context, pid int, files symbols.Source, tell Tell) (*Target, error) {
	if tell == nil {
		tell = func(string, uint64, uint64) {}
	}
	tell("finding the interpreter", 0, 0)
	t := &Target{PID: pid, tell: tell}
	var err error
	if t.live, err = procmem.OpenLive(pid); err != nil {
		return nil, permission(pid, err)
	}
	maps, err := procmem.ReadMaps(pid)
	if err == nil && len(maps) == 0 { // a kernel thread or a zombie: tracing says which
		var p *tracer.Process
		if p, err = tracer.Attach(pid); err == nil {
			err = p.Detach()
		}
	}
	if err == nil {
		t.Interp, err = files.Identify(maps, t.live)
	}
	if err == nil {
		tell("reading debug information", 0, 0)
		t.Layout, err = symbols.LoadLayoutContext(symbols.WithProgress(ctx, tell), t.Interp.Module.File)
	}
	if err != nil {
		t.Close()
		return nil, permission(pid, err)
	}
	return t, nil
}

// Target is a running process whose interpreter is known.
type Target struct {
	PID    int
	Interp *symbols.Interpreter
	Layout *symbols.Layout
	live   *procmem.Live
	tell   Tell
}

// Close releases what Open took.
func (t *Target) Close() {
	_ = t.live.Close()
	if t.Interp != nil {
		_ = t.Interp.Module.File.Close() // only read
	}
}

// permission replaces a bare EPERM or EACCES by what a trace attempt says of it.
func permission(pid int, err error) error {
	if !errors.Is(err, os.ErrPermission) && !errors.Is(err, tracer.ErrNoProcess) {
		return err
	}
	p, terr := tracer.Attach(pid)
	if terr != nil {
		return terr
	}
	_ = p.Detach()
	return err
}

// betweenTries is how long the target runs between two attempts to catch it.
const betweenTries = 3 * time.Millisecond

// Attach copies the target at a safe point: its memory by a twin, its threads as they stood when that was made. The target is stopped
// only meanwhile, and changed in nothing. Errors: *TimeoutError, *StateError, *NoSafePointsError, those of [tracer.Attach].
func (t *Target) Attach(ctx context.Context, timeout time.Duration) (*Copy, error) {
	start, err := readStart(t.PID, false)
	if err != nil {
		return nil, err
	}
	maps, err := procmem.ReadMaps(t.PID)
	if err != nil {
		return nil, err
	}
	if _, err := Functions(t.Interp, maps, t.live); err != nil {
		return nil, err
	}
	c, err := t.capture(ctx, timeout, true)
	if err != nil {
		return nil, err
	}
	c.Start = start
	return c, nil
}

func (t *Target) capture(ctx context.Context, timeout time.Duration, whole bool) (*Copy, error) {
	s, err := newSeeker(t.Interp, t.Layout)
	if err != nil {
		return nil, err
	}
	t.tell("stopping the process", 0, 0)
	k := &capturer{t: t, seeker: s, whole: whole, deadline: time.Now().Add(timeout)}
	for {
		c, why, err := k.attempt(ctx)
		switch {
		case err != nil:
			if c != nil && c.release != nil {
				err = errors.Join(err, c.release())
			}
			return nil, err
		case c != nil:
			c.Stopped = k.stopped
			return c, nil
		case !time.Now().Before(k.deadline):
			return nil, &TimeoutError{timeout, why}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(betweenTries):
		}
	}
}

// capturer stops the target, again and again if need be, until it has a consistent copy.
type capturer struct {
	t        *Target
	seeker   *seeker
	whole    bool // for a thaw: with what the kernel keeps
	deadline time.Time
	stopped  time.Duration
}

// attempt stops the target once. Where that was no good moment, why says so.
func (k *capturer) attempt(ctx context.Context) (c *Copy, why string, err error) {
	p, err := tracer.Attach(k.t.PID)
	if err != nil {
		return nil, "", err
	}
	resume := func() error {
		err := p.Detach()
		k.stopped = max(k.stopped, p.StoppedFor())
		return err
	}
	defer func() { err = errors.Join(err, resume()) }()

	st, err := k.seeker.state.Read(k.t.live)
	if err != nil {
		return nil, "", err
	}
	tid := p.Threads()[0]
	holder := 0
	switch {
	case st.Finalizing:
		return nil, "the interpreter is shutting down", nil
	case st.GILLocked:
		if tid, err = k.seeker.tidOf(p, k.t.live, st.GILHolder); err != nil {
			return nil, "", err
		}
		if tid == 0 {
			return nil, fmt.Sprintf("the thread that holds the GIL (thread state %v) is not to be found", st.GILHolder), nil
		}
		holder = tid
	case st.GCCollecting:
		return nil, "a garbage collection is running", nil
	}

	c = &Copy{PID: k.t.PID, OwnPID: innerID(k.t.PID, k.t.PID), Kind: Waiting,
		Interp: k.t.Interp, Layout: k.t.Layout, Busy: st.GILLocked, GILHolder: holder}
	if c.Threads, err = threadsOf(p); err != nil {
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
		return c, "", k.copyFrom(c, p, k.t.live)
	}
	defer func() {
		if c == nil || c.release == nil || err != nil {
			err = errors.Join(err, w.Detach())
		}
	}()
	if err := resume(); err != nil {
		return nil, "", err
	}
	if why, err = k.fromTwin(ctx, c, w, st, tid); why != "" || err != nil {
		return nil, why, err
	}
	return c, "", nil
}

// fromTwin completes c with what the twin of thread tid has, once that is at a safe point. The target runs on.
func (k *capturer) fromTwin(ctx context.Context, c *Copy, w *tracer.Process, st pyheap.State, tid int) (why string, err error) {
	if c.FDs, err = listDescriptors(w.PID()); err != nil {
		return "", err
	}
	if st.GILLocked {
		if c.Dropping, why, err = k.seeker.run(ctx, w, st.GILHolder, k.deadline); why != "" || err != nil {
			return why, err
		}
		// That thread has gone on since; the memory is of this moment.
		at, err := threadOf(w, w.PID())
		if err != nil {
			return "", err
		}
		for i := range c.Threads {
			if t := &c.Threads[i]; t.Tid == tid {
				t.Regs, t.XState, t.SigMask = at.Regs, at.XState, at.SigMask
				if i == 0 && !c.Dropping {
					c.Kind, c.Point = Held, &Point{Regs: t.Regs, XState: t.XState, SigMask: t.SigMask}
				}
			}
		}
	} else if err := closeAll(w); err != nil {
		return "", err
	}
	mem, err := procmem.OpenLive(w.PID())
	if err != nil {
		return "", err
	}
	if err := k.fromMemory(c, w, mem); err != nil || !k.whole {
		return "", err
	}
	c.Uncopied, err = k.uncopied(c.Maps)
	return "", err
}

// fromMemory is copyFrom for a twin, which is kept with the copy: it is read when and where it is
// asked for.
func (k *capturer) fromMemory(c *Copy, w *tracer.Process, mem *procmem.Live) error {
	if err := k.copyFrom(c, w, mem); err != nil {
		return errors.Join(err, mem.Close())
	}
	c.release = func() error { return errors.Join(mem.Close(), w.Detach()) }
	return nil
}

// uncopied lists what the target has now, and no fork of it gets. copied is what its twin has.
func (k *capturer) uncopied(copied []procmem.Mapping) (out []procmem.Mapping, err error) {
	maps, err := procmem.ReadMaps(k.t.PID)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(maps) == 0 {
		return nil, nil // it has ended since
	}
	if err != nil {
		return nil, err
	}
	flags := readFlags(k.t.PID)
	for _, m := range maps {
		there := slices.ContainsFunc(copied, func(c procmem.Mapping) bool { return c.Overlaps(m.Range) })
		if !there && slices.Contains(flags[m.Start], "dc") { // VM_DONTCOPY: proc_pid_smaps(5)
			out = append(out, m)
		}
	}
	return out, nil
}

// copyFrom copies what p has: the target itself, or its twin. Only a thaw needs what the kernel keeps.
func (k *capturer) copyFrom(c *Copy, p *tracer.Process, mem *procmem.Live) (err error) {
	pid := p.PID()
	if c.Maps, err = procmem.ReadMaps(pid); err != nil {
		return err
	}
	if pid == k.t.PID {
		if c.FDs, err = listDescriptors(pid); err != nil {
			return err
		}
	}
	if k.whole {
		if c.Kernel, err = readKernel(p, p.Threads()[0]); err != nil {
			return err
		}
		if c.Base, err = chooseBase(c.Maps); err != nil {
			return err
		}
		c.Flags = readFlags(pid)
		if c.State, err = readState(k.t.PID); err != nil {
			return err
		}
	}
	if pid != k.t.PID {
		c.Space, err = procmem.CaptureLazy(mem, c.Maps)
		return err
	}
	c.Space, err = procmem.Capture(mem, c.Maps, func(done, total uint64) { k.t.tell("copying memory", done, total) })
	return err
}
