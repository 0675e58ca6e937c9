package restore

import (
	"context"
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
	Allow    []string                              // kinds of offenders that are no reason to refuse
	KeepDead bool                                  // leave in the image what freed memory and dead stacks hold, for forensics
	Self     string                                // path of pyfreeze, for a training run; "" does without
	Progress func(step string, done, total uint64) // may be nil

	plain *commandLine // of a process that does not run the command itself; nil for others
}

func (o *FreezeOptions) progress(step string) func(done, total uint64) {
	if o.Progress == nil {
		return func(done, total uint64) {}
	}
	o.Progress(step, 0, 0)
	return func(done, total uint64) { o.Progress(step, done, total) }
}

// downloads has downloads of debug information shown as steps.
func (o *FreezeOptions) downloads(ctx context.Context) context.Context {
	if o.Progress == nil {
		return ctx
	}
	return symbols.WithProgress(ctx, o.Progress)
}

// Freeze writes an image of a running process, which is stopped only while
// a twin of it is made, and changed in nothing. When ctx ends, so does Freeze,
// unless it writes the image already. Errors: *RefusedError, *TimeoutError,
// *tracer.PermissionError, tracer.ErrNoProcess, *symbols.NotPythonError,
// *symbols.MissingDebugError, *image.WriteError, those of ctx.
func Freeze(ctx context.Context, o FreezeOptions) (*Meta, error) {
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
	lay, err := symbols.LoadLayoutContext(o.downloads(ctx), in.Module.File)
	if err != nil {
		return nil, err
	}
	c, err := capture(ctx, o, live, in, lay)
	if err != nil {
		return nil, err
	}
	defer c.space.Close()
	return write(ctx, o, c, in, lay)
}

// UnsupportedError says that the interpreter is built in a way that cannot be thawed yet.
type UnsupportedError struct {
	Exe, How string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s is %s; a thaw could not bring it back", e.Exe, e.How)
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
