package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// SnapshotOptions tell TakeSnapshot what to do.
type SnapshotOptions struct {
	PID      int
	Timeout  time.Duration                         // to reach a safe point; then the process is copied as it is
	Progress func(step string, done, total uint64) // may be nil
}

// Snapshot is a copy of a running process that only inspection needs: nothing in it is fit for a thaw.
type Snapshot struct {
	Interpreter *symbols.Interpreter
	Layout      *symbols.Layout
	Space       *procmem.Space
	Threads     []image.Thread
	Tasks       map[int]Task  // by thread id; as they were before the stop
	Stopped     time.Duration // the longest time that the process was stopped at a stretch
	// Unsettled says why the copy is of a moment that is no safe point, so that a few objects may be
	// half-changed; "" when it is.
	Unsettled string
}

// Task is what the kernel tells of a thread.
type Task struct {
	Name  string
	State string // one letter of proc(5): R, S, D, T, Z
}

// Close releases the memory and the interpreter's file.
func (s *Snapshot) Close() error {
	return errors.Join(s.Space.Close(), s.Interpreter.Module.File.Close())
}

// TakeSnapshot copies a running process, which is stopped only while a twin of it is made. Any
// interpreter that pyfreeze can read will do, in any state: where no safe point is reached in time, it
// is copied as it is. The caller closes the Snapshot. Errors: *tracer.PermissionError,
// tracer.ErrNoProcess, *symbols.NotPythonError, *symbols.MissingDebugError, those of ctx.
func TakeSnapshot(ctx context.Context, so SnapshotOptions) (_ *Snapshot, err error) {
	o := FreezeOptions{PID: so.PID, Timeout: so.Timeout, Progress: so.Progress}
	o.progress("finding the interpreter")
	live, err := procmem.OpenLive(o.PID)
	if err != nil {
		return nil, permission(o.PID, err)
	}
	defer live.Close()
	maps, err := procmem.ReadMaps(o.PID)
	if err != nil {
		return nil, permission(o.PID, err)
	}
	if len(maps) == 0 { // a kernel thread or a zombie: tracing says which
		if p, err := tracer.Attach(o.PID); err != nil {
			return nil, err
		} else if err := p.Detach(); err != nil {
			return nil, err
		}
	}
	s := &Snapshot{Tasks: tasksOf(o.PID)}
	if s.Interpreter, err = symbols.Identify(maps, live); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.Interpreter.Module.File.Close() // only read
		}
	}()
	o.progress("reading debug information")
	if s.Layout, err = symbols.LoadLayoutContext(o.downloads(ctx), s.Interpreter.Module.File); err != nil {
		return nil, err
	}
	c, err := capture(ctx, o, live, s.Interpreter, s.Layout)
	var late *TimeoutError
	var noPoints *NoSafePointsError
	switch {
	case errors.As(err, &late):
		s.Unsettled = late.Why
	case errors.As(err, &noPoints):
		s.Unsettled = noPoints.Error()
	}
	if s.Unsettled != "" {
		c, err = asItIs(o, live)
	}
	if err != nil {
		return nil, err
	}
	s.Space, s.Threads, s.Stopped = c.space, c.threads, c.stopped
	return s, nil
}

// asItIs copies the target of whatever moment.
func asItIs(o FreezeOptions, live *procmem.Live) (_ *captured, err error) {
	p, err := tracer.Attach(o.PID)
	if err != nil {
		return nil, err
	}
	k := &capturer{o: o, live: live}
	c := &captured{}
	resume := func() error {
		err := p.Detach()
		c.stopped = max(c.stopped, p.StoppedFor())
		return err
	}
	defer func() { err = errors.Join(err, resume()) }()
	if c.threads, err = threadsOf(p); err != nil {
		return nil, err
	}
	w, err := p.Twin(p.Threads()[0])
	if errors.Is(err, tracer.ErrNoProcess) {
		return nil, err
	}
	if err != nil {
		return c, k.copyFrom(c, p, live)
	}
	defer func() { err = errors.Join(err, w.Detach()) }()
	if err := resume(); err != nil {
		return nil, err
	}
	mem, err := procmem.OpenLive(w.PID())
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	return c, k.copyFrom(c, w, mem)
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
