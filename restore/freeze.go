package restore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// FreezeOptions tell Freeze what to do.
type FreezeOptions struct {
	PID      int
	Output   string
	Timeout  time.Duration // to reach a safe point
	Recipe   string        // path of a recipe; "" chooses a shipped one by loaded modules
	NoRecipe bool
	Self     string                                // path of pyfreeze, for a training run; "" does without
	Progress func(step string, done, total uint64) // may be nil
}

func (o *FreezeOptions) progress(step string) func(done, total uint64) {
	if o.Progress == nil {
		return func(done, total uint64) {}
	}
	o.Progress(step, 0, 0)
	return func(done, total uint64) { o.Progress(step, done, total) }
}

// captured is a consistent copy of the target. The target runs on.
type captured struct {
	maps    []procmem.Mapping
	space   *procmem.Space
	threads []image.Thread
	fds     []Descriptor
	cwd     string
	auxv    []byte
	stopped time.Duration
	busy    bool
}

// Freeze writes an image of a running process, which is stopped only while
// its memory is copied, and changed in nothing. Errors: *RefusedError,
// *TimeoutError, *tracer.PermissionError, tracer.ErrNoProcess,
// *symbols.NotPythonError, *symbols.MissingDebugError, *image.WriteError.
func Freeze(o FreezeOptions) (*Meta, error) {
	// All that takes long and needs no standstill comes first.
	o.progress("finding the interpreter")
	if err := checkWritable(o.Output); err != nil {
		return nil, err
	}
	live, err := procmem.OpenLive(o.PID)
	if err != nil {
		return nil, permission(o.PID, err)
	}
	defer live.Close()
	maps, err := procmem.ReadMaps(o.PID)
	if err != nil {
		return nil, permission(o.PID, err)
	}
	in, err := symbols.Identify(maps, live)
	if err != nil {
		return nil, err
	}
	defer in.Module.File.Close()
	o.progress("reading debug information")
	lay, err := symbols.LoadLayout(in.Module.File)
	if err != nil {
		return nil, err
	}
	c, err := capture(o, live, in, lay)
	if err != nil {
		return nil, err
	}
	defer c.space.Close()
	return write(o, c, in, lay)
}

// permission replaces a bare EPERM or EACCES by what a trace attempt says of it.
func permission(pid int, err error) error {
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	p, terr := tracer.Attach(pid)
	if terr != nil {
		return terr
	}
	_ = p.Detach()
	return err
}

// checkWritable fails early where the image could not be written.
func checkWritable(path string) error {
	dir := filepath.Dir(path)
	st, err := os.Stat(dir)
	if err != nil {
		return &image.WriteError{Path: path, Err: err}
	}
	if !st.IsDir() {
		return &image.WriteError{Path: path, Err: &os.PathError{Op: "write", Path: dir, Err: unix.ENOTDIR}}
	}
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return &image.WriteError{Path: path, Err: &os.PathError{Op: "write", Path: dir, Err: err}}
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return &image.WriteError{Path: path, Err: errors.New("it exists and is not a regular file")}
	}
	return nil
}

// capture stops the target at a safe point and copies it.
func capture(o FreezeOptions, live *procmem.Live, in *symbols.Interpreter, lay *symbols.Layout) (c *captured, err error) {
	o.progress("stopping the process")
	p, err := tracer.Attach(o.PID)
	if err != nil {
		return nil, err
	}
	defer func() {
		if derr := p.Detach(); derr != nil && err == nil {
			err = derr
		}
		if c != nil {
			c.stopped = p.StoppedFor()
		}
	}()
	s, err := newSeeker(p, live, in, lay)
	if err != nil {
		return nil, err
	}
	st, err := s.seek(o.Timeout)
	if err != nil {
		return nil, err
	}
	c = &captured{busy: st.GILLocked}
	if c.maps, err = procmem.ReadMaps(o.PID); err != nil {
		return nil, err
	}
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
		c.threads = append(c.threads, t)
	}
	if c.fds, err = listDescriptors(o.PID); err != nil {
		return nil, err
	}
	if c.cwd, err = os.Readlink(fmt.Sprintf("/proc/%d/cwd", o.PID)); err != nil {
		return nil, err
	}
	if c.auxv, err = os.ReadFile(fmt.Sprintf("/proc/%d/auxv", o.PID)); err != nil {
		return nil, err
	}
	c.space, err = procmem.Capture(live, c.maps, o.progress("copying memory"))
	return c, err
}
