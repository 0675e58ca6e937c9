package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/stub"
	"pyfreeze/tracer"
)

// forkTimeout is how long the program's own handlers of a fork may take.
const forkTimeout = 60 * time.Second

// forkTimeoutFound is the same at a point that was found: another can be tried.
const forkTimeoutFound = 10 * time.Second

func (c *Command) forkTimeout() time.Duration {
	if c.reads != nil {
		return forkTimeoutFound
	}
	return forkTimeout
}

// atRest says why the interpreter cannot be copied at this point, and which thread state holds
// the GIL.
func (c *Command) atRest() (holder procmem.Addr, err error) {
	sr, err := pyheap.NewStateReader(c.in, c.lay)
	if err != nil {
		return 0, err
	}
	st, err := sr.Read(c.live)
	switch {
	case err != nil:
		return 0, err
	case st.Finalizing:
		return 0, &StateError{"begun to shut down", ""}
	case st.GCCollecting:
		return 0, &StateError{"a garbage collection under way", "choose another point"}
	}
	return st.GILHolder, nil
}

// Fork copies the command at the point where it stands, as the child of a fork() that it makes
// there. No child is made: the system call is skipped, and the program goes on as its parent when
// it is released. Precondition: the main thread stands at a point of Python and holds the GIL.
// code is the thaw script, and learned a dict of the code of modules that a thaw may import; both
// are marshalled, and loaded before. learned may be nil. Errors: *StateError, *CommandEndedError.
func (c *Command) Fork(ctx context.Context, code, learned []byte) (_ *Copy, err error) {
	holder, err := c.atRest()
	if err != nil {
		return nil, err
	}
	if c.audited(holder) {
		learned = nil // its hooks see that files are opened and code is loaded
	}
	h := stub.Head{}
	if h.Learn, err = c.placeLearned(learned); err != nil {
		return nil, err
	}
	point, head, err := c.callAgent(holder, code, &h)
	if err != nil {
		return nil, err
	}
	if err := c.toFork(ctx); err != nil {
		return nil, err
	}
	// Behind the call of fork() there is a word that says so.
	forked := le.AppendUint64(nil, 1)
	if _, err := c.p.WriteAt(forked, head+procmem.Addr(stub.ForkedAt)); err != nil {
		return nil, err
	}
	if err := c.p.SkipCall(1); err != nil { // what fork() gives the parent; nobody looks at it
		return nil, err
	}
	if err := c.p.StopAll(); err != nil {
		return nil, err
	}
	out := &Copy{Kind: Forked, Point: point}
	for field, to := range map[uint64]*procmem.Addr{
		stub.ScriptAt: &out.Script, stub.LearnedAt: &out.Learned,
	} {
		var b [8]byte
		if _, err := c.p.ReadAt(b[:], head+procmem.Addr(field)); err != nil {
			return nil, err
		}
		*to = procmem.Addr(le.Uint64(b[:]))
	}
	if err := c.copyTo(out, point); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	asChild(&out.Threads[0].Regs)
	if err := errors.Join(c.dropLearned(h.Learn), c.removeTrap(), c.toPointAgain(ctx)); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	out.AtPoint = c.p
	return out, nil
}

// callAgent has the main thread run the agent of the stub next, as if it were called at the point,
// and returns what it was told: the point, and where struct head is. code is what it loads, h what
// it is told beside that.
func (c *Command) callAgent(holder procmem.Addr, code []byte,
	h *stub.Head) (*Point, procmem.Addr, error) {
	tid := c.p.PID()
	point, stack, err := c.point()
	if err != nil {
		return nil, 0, err
	}
	// struct head, with what brings the program back to the point behind it.
	l, tables := stub.Own(), &stub.Tables{}
	head := c.base + procmem.Addr(l.End)
	h.Base, h.Fn = uint64(c.base), c.fn
	frame := Frame(0, &point.Regs, point.XState, point.SigMask, stack)
	at := uint64(head) + uint64(tables.Bytes(make([]byte, len(frame))))
	h.Point, h.Code, h.CodeLen = at, tables.Bytes(code), uint32(len(code))
	hushed := Hush(c.in, c.lay, c.live, holder)
	h.NHush, h.Hush = uint32(len(hushed)), stub.Encode(tables, hushed)
	region := h.Region(tables)
	if len(region) > int(l.End)+tablesRoom-64 {
		return nil, 0, fmt.Errorf("the thaw script has %d bytes: too many", len(code))
	}
	copy(region[at-uint64(c.base):], Frame(at, &point.Regs, point.XState, point.SigMask, stack))
	if _, err := c.p.WriteAt(region[l.End:], head); err != nil {
		return nil, 0, err
	}
	regs := point.Regs
	nestedCall(&regs, uint64(c.base)+uint64(l.Agent))
	if err := c.p.SetRegs(tid, regs); err != nil {
		return nil, 0, err
	}
	return point, head, c.p.SetSigMask(tid, ^uint64(0))
}

// audited says whether the program has audit hooks of Python (sys.addaudithook); not where that
// cannot be read.
func (c *Command) audited(tstate procmem.Addr) bool {
	at := tstate
	for _, f := range []struct{ typ, field string }{
		{"PyThreadState", "interp"}, {"PyInterpreterState", "audit_hooks"}, // 3.8 (PEP 578)
	} {
		field, err := c.lay.Field(f.typ, f.field)
		if err != nil {
			return false
		}
		var b [8]byte
		if _, err := c.p.ReadAt(b[:], at+procmem.Addr(field.Offset)); err != nil {
			return false
		}
		at = procmem.Addr(le.Uint64(b[:]))
	}
	return at != 0
}

// HandlersError says that the handlers of a fork did not come to their end. One of them may wait
// for a lock that the program has at its point.
type HandlersError struct {
	Command string
	After   time.Duration
}

func (e *HandlersError) Error() string {
	return fmt.Sprintf("the handlers that %s has registered for a fork "+
		"(os.register_at_fork, pthread_atfork) took longer than %v; "+
		"one may wait for a lock that the program has there: name an earlier function by "+
		"--at MODULE:FUNCTION", e.Command, e.After)
}

// toPointAgain runs the agent until it is about to go back to the point: the program is the parent of a fork then, whose handlers have run.
func (c *Command) toPointAgain(ctx context.Context) error {
	return c.toReturn(ctx, "the handlers that it has registered for the parent of a fork",
		"did not come back from its handlers of a fork")
}

// toReturn runs the agent until it is about to go back to the point. what runs until then, and
// missed is what it did not come to where it ended.
func (c *Command) toReturn(ctx context.Context, what, missed string) error {
	deadline := time.Now().Add(forkTimeout)
	for {
		_, err := c.p.ContinueToCall(time.Now().Add(slice), func(nr uint64) bool { return nr == unix.SYS_RT_SIGRETURN })
		switch {
		case errors.Is(err, tracer.ErrStepTimeout):
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s: %s took longer than %v", c.name, what, forkTimeout)
			}
		default:
			if err != nil {
				err = c.ended(err, missed)
			}
			return err
		}
	}
}

// point notes where the main thread stands, and its alternate stack.
func (c *Command) point() (*Point, [24]byte, error) {
	tid, p := c.p.PID(), &Point{}
	var stack [24]byte
	var err error
	if p.Regs, err = c.p.Regs(tid); err != nil {
		return nil, stack, err
	}
	if p.XState, err = c.p.XState(tid); err != nil {
		return nil, stack, err
	}
	if p.SigMask, err = c.p.SigMask(tid); err != nil {
		return nil, stack, err
	}
	at := c.base + procmem.Addr(stub.Own().End) + tablesRoom - 64
	if _, err := c.p.Syscall(tid, unix.SYS_SIGALTSTACK, 0, uint64(at)); err != nil {
		return nil, stack, err
	}
	_, err = c.p.ReadAt(stack[:], at)
	return p, stack, err
}

// toFork runs the agent to the system call that would make the child.
func (c *Command) toFork(ctx context.Context) error {
	const missed = "did not come back from its handlers of a fork"
	deadline := time.Now().Add(c.forkTimeout())
	for {
		_, err := c.p.ContinueToCall(time.Now().Add(slice), makesProcess)
		switch {
		case errors.Is(err, tracer.ErrStepTimeout):
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if time.Now().After(deadline) {
				return &HandlersError{Command: c.name, After: c.forkTimeout()}
			}
			continue
		case err != nil:
			return c.ended(err, missed)
		}
		is, err := c.atClone()
		if err != nil || is {
			return err
		}
	}
}

// atClone says whether the call that the main thread is about to do makes a process, not a thread.
func (c *Command) atClone() (bool, error) {
	regs, err := c.p.Regs(c.p.PID())
	if err != nil {
		return false, err
	}
	flags, behind := cloneFlags(&regs)
	if behind != 0 {
		var b [8]byte
		if _, err := c.p.ReadAt(b[:], procmem.Addr(behind)); err != nil {
			return false, err
		}
		flags = le.Uint64(b[:])
	}
	return flags&unix.CLONE_VM == 0, nil
}

// AsItStands copies the command with all its threads at the point where its main thread stands. Precondition and errors are those of Fork.
func (c *Command) AsItStands() (*Copy, error) {
	if _, err := c.atRest(); err != nil {
		return nil, err
	}
	point, _, err := c.point()
	if err != nil {
		return nil, err
	}
	if err := c.p.StopAll(); err != nil {
		return nil, err
	}
	out := &Copy{Kind: Held, Point: point, GILHolder: c.p.PID()}
	if err := c.copyTo(out, point); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// copyTo copies all of the stopped command but the stub.
func (c *Command) copyTo(out *Copy, point *Point) (err error) {
	pid := c.p.PID()
	out.PID, out.OwnPID, out.Start, out.Base, out.Busy = pid, innerID(pid, pid), c.start, c.base, true
	if c.stands != 0 {
		out.HooksPID = out.OwnPID
		out.PID, out.OwnPID = c.stands, innerID(c.stands, c.stands)
	}
	if out.Threads, err = threadsOf(c.p); err != nil {
		return err
	}
	if out.Kernel, err = readKernel(c.p, pid); err != nil {
		return err
	}
	if trap := &out.Kernel.Actions[unix.SIGTRAP-1]; trap[0] == c.ownTrap()[0] {
		*trap = c.trap
	}
	if out.FDs, err = listDescriptors(pid); err != nil {
		return err
	}
	maps, err := procmem.ReadMaps(pid)
	if err != nil {
		return err
	}
	region := procmem.Range{Start: c.base, End: c.base + stub.Region}
	for _, m := range maps {
		if !m.Overlaps(region) {
			out.Maps = append(out.Maps, m)
		}
	}
	if out.State, err = readState(pid); err != nil {
		return err
	}
	out.Flags = readFlags(pid)
	c.tell("copying memory", 0, 0)
	out.Space, err = procmem.Capture(c.live, out.Maps, func(done, total uint64) { c.tell("copying memory", done, total) })
	out.Interp, out.Layout, c.in = c.in, c.lay, nil
	return err
}
