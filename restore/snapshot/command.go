package snapshot

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/prefix"
	"pyfreeze/restore/stub"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// Command is a command of ours under way. It inherits the standard streams. Whatever becomes of pyfreeze, it goes on to its end.
type Command struct {
	name     string
	p        *tracer.Process
	live     *procmem.Live
	in       *symbols.Interpreter
	lay      *symbols.Layout
	loop     []procmem.Range // link-time addresses of the eval loop; nil: not looked for yet
	start    Start
	fn       [stub.Functions]uint64
	base     procmem.Addr
	stands   int // of a child of a command: for which process it stands; else 0
	planted  bool
	before   before       // what it was started with
	streams  []string     // what the descriptors that it was given are open for
	anywhere bool         // it must not ask for its working directory
	may      []string     // the lines that may nevertheless
	asks     []Ask        // of a run that was observed: the first of each line
	wrapped  []string     // programs that the command executed before the interpreter
	deaf     bool         // a run to a spot may have missed it
	harmless bool         // a run that learned did nothing but write to its streams
	heard    bool         // and has what libraries looked for
	trap     action       // what the command did with SIGTRAP before
	kept     *pyheap.Heap // since it stopped; nil: none
	drop     func()       // what becomes of it
	tell     func(step string, done, total uint64)
	imports  *Imports      // who is told of them on the way to the exit; nil: nobody
	reads    *prefix.Reads // what is read from the first instruction of Python on; nil: not noted
}

// StartCommand starts a program, stopped before its first instruction. The caller ends it with Release or Kill, then Wait. tell is
// told of progress and may be nil. Errors: *os.PathError and those of exec.
func StartCommand(program tracer.Program, tell Tell) (*Command, error) {
	if tell == nil {
		tell = func(string, uint64, uint64) {}
	}
	c := &Command{name: program.Argv[0], tell: tell}
	program.Start = started()
	p, err := tracer.Spawn(program)
	if err != nil {
		return nil, err
	}
	c.p = p
	c.streams = readStreams(p.PID())
	c.before = readBefore(p.PID())
	return c, nil
}

// started is what a command of ours finds as it would have without us.
func started() *tracer.Start {
	s, ok := stub.Start()
	if !ok {
		return nil
	}
	start := tracer.Start(s)
	return &start
}

// FindProgram looks a program up as a shell would.
func FindProgram(name string) (string, error) { return exec.LookPath(name) }

// Start returns how the interpreter was started. Precondition: ToPython has returned.
func (c *Command) Start() Start { return c.start }

// Wrappers returns the programs that the command executed before the interpreter, such as a shell:
// their paths. Precondition: ToPython has returned.
func (c *Command) Wrappers() []string { return c.wrapped }

// Interpreter returns the interpreter, nil before ToPython has found one. The Command closes its file, unless a Copy has taken it over.
func (c *Command) Interpreter() *symbols.Interpreter { return c.in }

// Numbers of the watches.
const (
	watchEntry = 0 // of the program, once its libraries are loaded
	watchExit  = 0 // and the next: what takes the interpreter down
	watchCode  = 2 // a module's code being executed
	watchBack  = 1 // the end of that
	watchFirst = 3 // the first instruction of the function
)

// proceed lets the process run to its next event.
func (c *Command) proceed(ctx context.Context, missed string) (ev tracer.WatchEvent, err error) {
	var wrapper wrapperObserver
	c.dropHeap()
	for {
		if c.reads != nil {
			var stop tracer.Stop
			stop, err = c.p.ContinueFamily(time.Now().Add(slice), wrapper.wants(c))
			ev = stop.WatchEvent
			if err == nil && stop.Call != nil {
				return ev, &WrapperError{c.start.Argv[0], wrapper.effect}
			}
			if err == nil && stop.Family > 0 {
				return ev, &WrapperError{c.start.Argv[0], "leaves a process behind"}
			}
		} else {
			ev, err = c.p.ContinueToWatch(time.Now().Add(slice))
		}
		switch {
		case errors.Is(err, tracer.ErrStepTimeout):
			if ctx.Err() != nil {
				return ev, ctx.Err()
			}
		case err != nil:
			return ev, c.ended(err, missed)
		default:
			if ev.Exec {
				c.planted = false // the kernel has taken the stub away, and its handler
			}
			return ev, nil
		}
	}
}

// ended makes an error of the end of the command.
func (c *Command) ended(err error, missed string) error {
	var exit *tracer.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	e := &CommandEndedError{Command: c.name, Missed: missed}
	if status, err := c.p.Wait(); err == nil {
		e.Status, e.Known = status, true
	}
	return e
}

// ToPython runs the command, through whatever it executes in its place, to where an interpreter is about to run its program.
// Errors: *CommandEndedError, *symbols.NotPythonError, *symbols.MissingDebugError, *StateError.
func (c *Command) ToPython(ctx context.Context) error {
	const missed = "did not start a Python interpreter in its own process"
	var other *symbols.NotPythonError // a CPython of another version, which may execute a better one
	for {
		entry, err := c.entry()
		if err != nil {
			return err
		}
		if c.start, err = readStart(c.p.PID(), true); err != nil {
			return err
		}
		if err := c.p.SetWatch(watchEntry, entry, tracer.WatchExecute); err != nil {
			return err
		}
		ev, err := c.proceed(ctx, missed)
		if err != nil {
			return err
		}
		if ev.Exec {
			continue
		}
		if err := c.p.ClearWatch(watchEntry); err != nil {
			return err
		}
		err = c.identify()
		if err == nil {
			err = c.wrapperEnds()
		}
		var not *symbols.NotPythonError
		if err == nil {
			return c.toMain(ctx)
		}
		if !errors.As(err, &not) {
			return err
		}
		if other = nil; not.Version != (symbols.Version{}) {
			other = not
		}
		c.wrapped = append(c.wrapped, c.start.Exe)
		for exec := false; !exec; exec = ev.Exec { // a shell, env: what it executes may be one
			if ev, err = c.proceed(ctx, missed); err != nil {
				if other != nil && errors.As(err, new(*CommandEndedError)) {
					return other
				}
				return err
			}
		}
	}
}

// entry returns where the program begins that the process has just executed.
func (c *Command) entry() (procmem.Addr, error) {
	if loaderRuns(c.p.PID()) {
		return entryThroughLoader(c.p.PID())
	}
	return auxEntry(c.p.PID())
}

func (c *Command) identify() (err error) {
	if c.live != nil {
		_ = c.live.Close()
	}
	if c.live, err = procmem.OpenLive(c.p.PID()); err != nil {
		return err
	}
	maps, err := procmem.ReadMaps(c.p.PID())
	if err != nil {
		return err
	}
	if c.in, err = symbols.Identify(maps, c.live); err != nil {
		return err
	}
	c.fn, err = Functions(c.in, maps, c.live)
	return err
}

// toMain runs an interpreter until it has initialised, and plants the stub there.
func (c *Command) toMain(ctx context.Context) error {
	sym, ok := c.in.Module.File.Dynsym("Py_RunMain") // 3.8 (PEP 587)
	if !ok {
		return &symbols.NotPythonError{Path: c.in.Exe, Reason: "it does not export Py_RunMain"}
	}
	if err := c.p.SetWatch(watchEntry, c.in.Bias+sym.Addr, tracer.WatchExecute); err != nil {
		return err
	}
	ev, err := c.initialise(ctx)
	if err != nil {
		return err
	}
	if ev.Exec {
		return &CommandEndedError{Command: c.name, Missed: "executed another program"}
	}
	if err := c.p.ClearWatch(watchEntry); err != nil {
		return err
	}
	maps, err := procmem.ReadMaps(c.p.PID())
	if err != nil {
		return err
	}
	return c.plant(maps)
}

// initialise runs the interpreter to where it runs its program.
func (c *Command) initialise(ctx context.Context) (ev tracer.WatchEvent, err error) {
	const missed = "did not run a program"
	if c.reads == nil || c.lay == nil {
		return c.proceed(ctx, missed)
	}
	o, err := newObserver(c)
	if err != nil {
		return ev, err
	}
	o.reads = c.reads
	stop, err := o.proceed(ctx)
	if err == nil && stop.Call != nil {
		err = &PassedError{Spot: &Spot{}, What: o.effect}
	}
	return stop.WatchEvent, err
}

// Note has the command's reads noted from the first instruction of Python on, which the given
// layout of its interpreter makes possible, and kept from doing anything that others could tell.
// anywhere: nor from asking for its working directory, but for the lines of Python that may. To be
// called before ToPython.
func (c *Command) Note(lay *symbols.Layout, anywhere bool, may []string) {
	c.lay, c.reads, c.anywhere, c.may = lay, prefix.NewReads(), anywhere, may
}

// UseLayout tells what the interpreter's C types are. Precondition: ToPython has returned.
func (c *Command) UseLayout(lay *symbols.Layout) { c.lay, c.loop = lay, nil }

// Release lets the command go on by itself. After a copy it goes on from where that was taken.
func (c *Command) Release() error {
	c.close()
	err := c.removeTrap()
	if errors.Is(err, tracer.ErrDetached) || errors.Is(err, tracer.ErrNoProcess) {
		err = nil
	}
	return errors.Join(err, c.p.Detach())
}

// Kill ends the command.
func (c *Command) Kill() error {
	c.close()
	return c.p.Kill()
}

// Wait waits for its end, and returns its status. When ctx ends, Wait returns and the command goes on.
func (c *Command) Wait(ctx context.Context) (syscall.WaitStatus, error) {
	type result struct {
		status syscall.WaitStatus
		err    error
	}
	done := make(chan result, 1)
	go func() {
		status, err := c.p.Wait()
		done <- result{status, err}
	}()
	select {
	case r := <-done:
		return r.status, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (c *Command) close() {
	c.dropHeap()
	if c.live != nil {
		_ = c.live.Close()
	}
	if c.in != nil {
		_ = c.in.Module.File.Close() // only read
	}
	c.live, c.in = nil, nil
}
