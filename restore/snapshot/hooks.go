package snapshot

import (
	"context"
	"errors"

	"pyfreeze/procmem"
	"pyfreeze/restore/stub"
)

// HookError says that a function failed that the program had registered to be called before it is
// frozen.
type HookError struct{ What string }

func (e *HookError) Error() string {
	return "cannot freeze: a function that the program registered by register_before_snapshot " +
		"failed: " + e.What
}

// HooksModule is the module by which programs register what is to be called before they are frozen,
// and after they have thawed: AWS's snapshot_restore_py.
const HooksModule = "snapshot_restore_py"

const (
	// Of its version 1.0.0: a list of tuples of function, arguments, keywords.
	beforeRegistry = HooksModule + "._before_snapshot_registry"
	maxHooks       = 1 << 16
)

// HasHooks says whether the stopped command has registered functions that are to be called before
// it is frozen; true also where that cannot be known.
func (c *Command) HasHooks() (bool, error) {
	h, done, err := c.lazyHeap()
	if err != nil {
		return false, err
	}
	defer done()
	if _, err := h.Lookup(HooksModule); err != nil {
		return false, nil // not loaded
	}
	list, err := h.Lookup(beforeRegistry)
	if err != nil {
		return true, nil // another version of it
	}
	items, err := h.ListItems(list, maxHooks)
	return err != nil || len(items) > 0, nil
}

// Hooked is a child of a command in which its hooks have run. It stands at the command's point.
type Hooked struct {
	Command
	parent *Command
	at     *Point
}

// RunHooks has the command make a child at its point, and runs code in that, marshalled, which runs
// the program's hooks. The command is as it was, but for the handlers of a fork. The caller calls
// End, and before that nothing of c. Precondition: that of Fork. Errors: *HookError, those of Fork.
func (c *Command) RunHooks(ctx context.Context, code []byte) (_ *Hooked, err error) {
	holder, err := c.atRest()
	if err != nil {
		return nil, err
	}
	point, head, err := c.callAgent(holder, code, &stub.Head{Hooks: stub.HooksRun})
	if err != nil {
		return nil, err
	}
	if err := c.toFork(ctx); err != nil {
		return nil, err
	}
	child, err := c.p.Fork()
	if child == nil {
		return nil, err
	}
	out := &Hooked{Command: *c, parent: c, at: point}
	out.p, out.live, out.stands = child, nil, c.p.PID()
	if err == nil {
		err = out.run(ctx, head)
	}
	if err != nil {
		return nil, errors.Join(err, out.End())
	}
	return out, nil
}

// run runs the hooks in the child, and brings it to its point.
func (c *Hooked) run(ctx context.Context, head procmem.Addr) (err error) {
	if c.live, err = procmem.OpenLive(c.p.PID()); err != nil {
		return err
	}
	forked := le.AppendUint64(nil, 1)
	if _, err := c.p.WriteAt(forked, head+procmem.Addr(stub.ForkedAt)); err != nil {
		return err
	}
	err = c.toReturn(ctx, "the functions that it has registered by register_before_snapshot", "")
	var ended *CommandEndedError
	if errors.As(err, &ended) {
		return &HookError{"it ended the process"}
	}
	if err != nil {
		return err
	}
	var b [8]byte
	if _, err := c.p.ReadAt(b[:], head+procmem.Addr(stub.HooksAt)); err != nil {
		return err
	}
	if state := le.Uint64(b[:]); state != stub.HooksDone {
		const most, shown = 1 << 16, 1000
		what, ok := procmem.CString(c.live, procmem.Addr(state), most)
		if !ok {
			what = "why is not to be read"
		}
		return &HookError{what[:min(len(what), shown)]}
	}
	return c.standAt(c.at)
}

// standAt brings a main thread that is about to return to its point there.
func (c *Command) standAt(point *Point) error {
	tid := c.p.PID()
	if err := c.p.SkipCall(0); err != nil {
		return err
	}
	if err := c.p.SetRegs(tid, point.Regs); err != nil {
		return err
	}
	if err := c.p.SetXState(tid, point.XState); err != nil {
		return err
	}
	return c.p.SetSigMask(tid, point.SigMask)
}

// End ends the child, and lets its parent come back to its point.
func (c *Hooked) End() error {
	if c.live != nil {
		_ = c.live.Close() // only read
	}
	if c.in == nil {
		c.parent.in = nil // the copy has taken it over
	}
	err := errors.Join(c.p.Detach(), c.parent.toPointAgain(context.Background()))
	if err != nil {
		return err
	}
	return c.parent.standAt(c.at)
}
