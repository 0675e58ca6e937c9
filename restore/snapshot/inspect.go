package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// Inspection is a copy of a running process that only inspection needs: nothing in it is fit for a thaw.
type Inspection struct {
	*Copy
	Tasks map[int]Task // by thread id; as they were before the stop
	// Unsettled says why the copy is of a moment that is no safe point, so that a few objects may be half-changed; "" when it is.
	Unsettled string
}

// Task is what the kernel tells of a thread.
type Task struct {
	Name  string
	State string // one letter of proc(5): R, S, D, T, Z
}

// Inspect copies a running process, which is stopped only while a twin of it is made. Any interpreter that pyfreeze can read will do, in
// any state: where no safe point is reached within the timeout, it is copied as it is. The caller closes the Inspection. Errors:
// *tracer.PermissionError, tracer.ErrNoProcess, *symbols.NotPythonError, *symbols.MissingDebugError, those of ctx.
func Inspect(ctx context.Context, pid int, timeout time.Duration, tell Tell) (*Inspection, error) {
	tasks := tasksOf(pid)
	t, err := open(ctx, pid, symbols.Source{PID: pid}, tell)
	if err != nil {
		return nil, err
	}
	defer t.live.Close()
	i := &Inspection{Tasks: tasks}
	i.Copy, err = t.capture(ctx, timeout, false)
	var late *TimeoutError
	var noPoints *NoSafePointsError
	switch {
	case errors.As(err, &late):
		i.Unsettled = late.Why
	case errors.As(err, &noPoints):
		i.Unsettled = noPoints.Error()
	}
	if i.Unsettled != "" {
		i.Copy, err = t.asItIs()
	}
	if err != nil {
		_ = t.Interp.Module.File.Close() // only read
		return nil, err
	}
	return i, nil
}

// asItIs copies the target of whatever moment.
func (t *Target) asItIs() (_ *Copy, err error) {
	p, err := tracer.Attach(t.PID)
	if err != nil {
		return nil, err
	}
	k := &capturer{t: t}
	c := &Copy{PID: t.PID, Interp: t.Interp, Layout: t.Layout, Kind: Waiting}
	resume := func() error {
		err := p.Detach()
		c.Stopped = max(c.Stopped, p.StoppedFor())
		return err
	}
	defer func() { err = errors.Join(err, resume()) }()
	if c.Threads, err = threadsOf(p); err != nil {
		return nil, err
	}
	w, err := p.Twin(p.Threads()[0])
	if errors.Is(err, tracer.ErrNoProcess) {
		return nil, err
	}
	if err != nil {
		return c, k.copyFrom(c, p, t.live)
	}
	defer func() {
		if c.release == nil || err != nil {
			err = errors.Join(err, w.Detach())
		}
	}()
	if err := resume(); err != nil {
		return nil, err
	}
	mem, err := procmem.OpenLive(w.PID())
	if err != nil {
		return nil, err
	}
	return c, k.fromMemory(c, w, mem)
}

// tasksOf reads what the kernel tells of the threads of a process; a thread that ends meanwhile is left out.
func tasksOf(pid int) map[int]Task {
	out := map[int]Task{}
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return out
	}
	for _, n := range names {
		tid, err := strconv.Atoi(n.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
		if err != nil {
			continue
		}
		// The name is in parentheses and may itself contain some.
		text := string(b)
		open, end := strings.IndexByte(text, '('), strings.LastIndex(text, ") ")
		if open < 0 || end < open || end+2 >= len(text) {
			continue
		}
		out[tid] = Task{Name: text[open+1 : end], State: text[end+2 : end+3]}
	}
	return out
}
