package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/pyheap"
	"pyfreeze/restore/stub"
	"pyfreeze/tracer"
)

// SourceModule is a module that a program has imported from a source file.
type SourceModule struct {
	Name, File string
	Cached     string // where its byte code is kept: __cached__
}

// maxLearned bounds how many modules are learned of one program.
const maxLearned = 1 << 14

// Learn lets a command that was observed go on to the end of its interpreter, where it is stopped,
// and returns the modules that it has imported by then. A command that ends in another way
// (os._exit, exec, a signal) has none. Errors: *CommandEndedError, those of ctx.
func (c *Command) Learn(ctx context.Context) ([]SourceModule, error) {
	if err := c.watchExits(watchExit, tracer.Watches); err != nil {
		return nil, err
	}
	ev, err := c.proceed(ctx, "")
	if err != nil || ev.Exec {
		return nil, err
	}
	return c.SourceModules()
}

// LearnSilently does the same for a command that must do nothing that others could tell: what it
// writes to its streams is swallowed, and it is stopped before it does anything else, or after the
// given time, where it has none. It must be killed. Errors: *CommandEndedError, those of ctx.
func (c *Command) LearnSilently(ctx context.Context, most time.Duration) ([]SourceModule, error) {
	o, err := newObserver(c)
	if err != nil {
		return nil, err
	}
	if err := c.watchExits(watchExit, tracer.Watches); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(most); ; {
		c.dropHeap()
		ev, err := c.p.ContinueToStop(time.Now().Add(slice), func(call *tracer.Call) bool {
			o.mem.forget()
			return !call.Done && (writes(call) || o.proc.Effect(call) != "")
		})
		switch {
		case errors.Is(err, tracer.ErrStepTimeout):
			if ctx.Err() != nil || time.Now().After(deadline) {
				return nil, ctx.Err() // it computes, or waits
			}
		case err != nil:
			return nil, c.ended(err, "")
		case ev.Exec:
			return nil, nil
		case ev.Call != nil && writes(ev.Call):
			if err := c.p.SkipCall(ev.Call.Args[2]); err != nil {
				return nil, err
			}
		default:
			mods, err := c.SourceModules()
			if err == nil && ev.Call == nil {
				c.harmless = c.endsSilently(ctx, o, deadline)
			}
			return mods, err
		}
	}
}

// writes says whether a call writes to standard output or error.
func writes(call *tracer.Call) bool {
	return call.Nr == unix.SYS_WRITE && (call.Args[0] == 1 || call.Args[0] == 2)
}

// Harmless says whether LearnSilently has seen the command come to its end, having done nothing
// that others could tell but write to its streams.
func (c *Command) Harmless() bool { return c.harmless }

// endsSilently lets a command whose interpreter ends go on to the end of its process, and says
// whether it came there without doing anything else that others could tell.
func (c *Command) endsSilently(ctx context.Context, o *observer, deadline time.Time) bool {
	for ctx.Err() == nil && time.Now().Before(deadline) {
		c.dropHeap()
		ev, err := c.p.ContinueToStop(time.Now().Add(slice), func(call *tracer.Call) bool {
			o.mem.forget()
			return !call.Done && (writes(call) || o.proc.Effect(call) != "")
		})
		switch {
		case errors.Is(err, tracer.ErrStepTimeout), err == nil && ev.Call == nil && !ev.Exec:
		case err != nil || ev.Exec:
			return false
		case !writes(ev.Call):
			return ev.Call.Nr == unix.SYS_EXIT_GROUP
		default:
			if c.p.SkipCall(ev.Call.Args[2]) != nil {
				return false
			}
		}
	}
	return false
}

// SourceModules returns the modules that the stopped command has imported from source files.
func (c *Command) SourceModules() (out []SourceModule, err error) {
	h, done, err := c.heap()
	if err != nil {
		return nil, err
	}
	defer c.dropHeap()
	defer done()
	mods, err := h.Modules()
	if err != nil {
		return nil, err
	}
	for _, m := range mods[:min(len(mods), maxLearned)] {
		if !strings.HasPrefix(m.File, "/") || !strings.HasSuffix(m.File, ".py") || m.Name == "__main__" {
			continue
		}
		if a, err := h.Attr(m.Addr, "__cached__"); err == nil {
			if path, err := h.Str(a); err == nil && strings.HasPrefix(path, "/") {
				out = append(out, SourceModule{m.Name, m.File, path})
			}
		}
	}
	return out, nil
}

// learnedAt is where marshalled code lies while it is loaded, from the start of the stub's region:
// where a thaw has arguments.
const (
	learnedAt   = stub.RegionArgs
	learnedRoom = stub.RegionVDSO - stub.RegionArgs
)

// placeLearned maps marshalled code of modules into the command, and returns what the agent is told
// of it: zeros where this interpreter's collector is not known.
func (c *Command) placeLearned(code []byte) (l stub.Learn, err error) {
	if len(code) == 0 {
		return l, nil
	}
	sr, err := pyheap.NewStateReader(c.in, c.lay)
	if err != nil {
		return l, err
	}
	gc, ok := sr.Collector(c.live)
	if !ok {
		return l, nil
	}
	at, size := c.base+learnedAt, uint64(len(code))
	if size > learnedRoom {
		return l, fmt.Errorf("the code of the learned modules has %d bytes: too many", size)
	}
	_, err = c.p.Syscall(c.p.PID(), unix.SYS_MMAP, uint64(at), size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE, ^uint64(0), 0)
	if err != nil {
		return l, fmt.Errorf("mapping the code of the learned modules: %w", err)
	}
	if _, err := c.p.WriteAt(code, at); err != nil {
		return l, err
	}
	return stub.Learn{Code: uint64(at), Len: size, Enabled: uint64(gc.Enabled),
		Count: uint64(gc.Count), Young: uint64(gc.Young)}, nil
}

// dropLearned takes the marshalled code out of the command again.
func (c *Command) dropLearned(l stub.Learn) error {
	if l.Len == 0 {
		return nil
	}
	if _, err := c.p.Syscall(c.p.PID(), unix.SYS_MUNMAP, l.Code, l.Len); err != nil {
		return fmt.Errorf("unmapping the code of the learned modules: %w", err)
	}
	return nil
}
