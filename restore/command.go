package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// CommandOptions tell FreezeCommand what to start and when to freeze it.
type CommandOptions struct {
	FreezeOptions          // without PID
	Command       []string // as a shell would run it
	// At is "exit" (or ""), just before the interpreter finalises, or MODULE:FUNCTION, when that function of Python is called for
	// the first time, on the main thread.
	At string
	// Warm are arguments of further runs of the program, in the same process, after that of Command and before the freeze.
	Warm [][]string
}

// CommandEndedError says that a command ended before it came to the point where it was to be frozen.
type CommandEndedError struct {
	Command string
	Status  syscall.WaitStatus
	Known   bool   // Status is
	Missed  string // what it did not come to
}

func (e *CommandEndedError) Error() string {
	how := ""
	switch {
	case e.Known && e.Status.Signaled():
		how = fmt.Sprintf(", of signal %d", int(e.Status.Signal()))
	case e.Known:
		how = fmt.Sprintf(" with exit status %d", e.Status.ExitStatus())
	}
	return fmt.Sprintf("%s ended%s and %s", e.Command, how, e.Missed)
}

// FreezeCommand starts a command, which inherits the standard streams, and writes an image of it when it is at the point that
// o.At tells. Then the command goes on to its end, whose status is returned, too; where that fails it is killed.
// Errors: *CommandEndedError, *AtError, and those of [Freeze].
func FreezeCommand(ctx context.Context, o CommandOptions) (*Meta, syscall.WaitStatus, error) {
	if err := checkWritable(o.Output); err != nil {
		return nil, 0, err
	}
	at, err := parseAt(o.At)
	if err != nil {
		return nil, 0, err
	}
	path, err := exec.LookPath(o.Command[0])
	if err != nil {
		return nil, 0, err
	}
	s := &started{o: &o, path: path, argv: o.Command}
	if len(o.Warm) > 0 {
		if err := s.driver(ctx); err != nil {
			return nil, 0, err
		}
	}
	if err := s.start(); err != nil {
		return nil, 0, err
	}
	m, err := s.freeze(ctx, at)
	if err != nil {
		_ = s.p.Kill()
		_, _ = s.p.Wait()
		return nil, 0, err
	}
	status, err := s.waitCommand(ctx)
	return m, status, err
}

// started is a command under way.
type started struct {
	o    *CommandOptions
	path string
	argv []string
	p    *tracer.Process
	live *procmem.Live
	in   *symbols.Interpreter
}

func (s *started) start() (err error) {
	s.o.progress("starting " + s.o.Command[0])
	s.p, err = tracer.Spawn(s.path, s.argv, os.Environ())
	if err != nil {
		return err
	}
	s.o.PID = s.p.PID()
	return nil
}

const (
	watchEntry = 0 // of the program, once its libraries are loaded
	watchExit  = 0
	watchMade  = 1 // functions as they are made
	watchFirst = 2 // the first instruction of the function
)

// proceed lets the process run to its next event.
func (s *started) proceed(ctx context.Context, missed string) (ev tracer.WatchEvent, err error) {
	for {
		ev, err = s.p.ContinueToWatch(time.Now().Add(slice))
		var exit *tracer.ExitError
		switch {
		case errors.As(err, &exit):
			e := &CommandEndedError{Command: s.o.Command[0], Missed: missed}
			if status, err := s.p.Wait(); err == nil {
				e.Status, e.Known = status, true
			}
			return ev, e
		case !errors.Is(err, tracer.ErrStepTimeout):
			return ev, err
		case ctx.Err() != nil:
			return ev, ctx.Err()
		}
	}
}

// toPython runs the command, through whatever it executes in its place, to the entry point of an interpreter.
func (s *started) toPython(ctx context.Context) error {
	for {
		entry, err := s.entry()
		if err != nil {
			return err
		}
		if err := s.p.SetWatch(watchEntry, entry, tracer.WatchExecute); err != nil {
			return err
		}
		ev, err := s.proceed(ctx, "did not start a Python interpreter in its own process")
		if err != nil {
			return err
		}
		if ev.Exec {
			continue
		}
		if err := s.p.ClearWatch(watchEntry); err != nil {
			return err
		}
		if s.live != nil {
			_ = s.live.Close()
		}
		if s.live, err = procmem.OpenLive(s.p.PID()); err != nil {
			return err
		}
		maps, err := procmem.ReadMaps(s.p.PID())
		if err != nil {
			return err
		}
		s.in, err = symbols.Identify(maps, s.live)
		var not *symbols.NotPythonError
		if !errors.As(err, &not) {
			return err
		}
		for exec := false; !exec; exec = ev.Exec { // a shell, env: what it executes may be one
			if ev, err = s.proceed(ctx, "did not start a Python interpreter in its own process"); err != nil {
				return err
			}
		}
	}
}

// entry gives where the program begins that the process has just executed.
func (s *started) entry() (procmem.Addr, error) {
	if loaderRuns(s.p.PID()) {
		return s.entryThroughLoader()
	}
	return auxEntry(s.p.PID())
}

// freeze takes the image.
func (s *started) freeze(ctx context.Context, at atPoint) (_ *Meta, err error) {
	defer func() {
		if s.live != nil {
			_ = s.live.Close()
		}
		if s.in != nil {
			_ = s.in.Module.File.Close() // only read
		}
	}()
	if err := s.toPython(ctx); err != nil {
		return nil, err
	}
	s.o.progress("reading debug information")
	lay, err := symbols.LoadLayoutContext(s.o.downloads(ctx), s.in.Module.File)
	if err != nil {
		return nil, err
	}
	sk, err := newSeeker(s.in, lay)
	if err != nil {
		return nil, err
	}
	s.o.progress("running " + s.o.Command[0])
	if err := at.reach(ctx, s, lay); err != nil {
		return nil, err
	}
	if err := s.endPools(ctx); err != nil {
		return nil, err
	}
	if err := s.p.StopAll(); err != nil {
		return nil, err
	}
	st, err := sk.state.Read(s.live)
	switch {
	case err != nil:
		return nil, err
	case st.Finalizing:
		return nil, refused("begun to shut down", "")
	case st.GCCollecting:
		return nil, refused("a garbage collection under way", "choose another point")
	}
	c := &captured{busy: st.GILLocked}
	if c.threads, err = threadsOf(s.p); err != nil {
		return nil, err
	}
	k := &capturer{o: s.o.FreezeOptions, live: s.live}
	if err := k.copyFrom(c, s.p, s.live); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.space.Close()) }()
	m, err := write(ctx, s.o.FreezeOptions, c, s.in, lay)
	return m, err
}

// waitCommand waits for the end of the command, which goes on from where it was frozen.
func (s *started) waitCommand(ctx context.Context) (syscall.WaitStatus, error) {
	if err := s.p.Detach(); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.p.Kill() })
	defer stop()
	return s.p.Wait()
}

// auxEntry gives the entry point of the program that a process has started.
func auxEntry(pid int) (procmem.Addr, error) {
	const atEntry = 9
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return 0, err
	}
	for ; len(b) >= 16; b = b[16:] {
		if le.Uint64(b) == atEntry {
			return procmem.Addr(le.Uint64(b[8:])), nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/auxv has no AT_ENTRY", pid)
}

// commandLine is what a process of its own would show of the command: the interpreter's words, and the kernel's name for it.
type commandLine struct {
	argv []string
	comm string
}

// readCommandLine reads those of a process, unless the options know better: a process that pyfreeze started does not run the
// command itself.
func (o *FreezeOptions) readCommandLine() (c commandLine, err error) {
	if o.plain != nil {
		return *o.plain, nil
	}
	if c.argv, err = readStrings(fmt.Sprintf("/proc/%d/cmdline", o.PID)); err != nil {
		return c, err
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", o.PID))
	c.comm = strings.TrimSpace(string(comm))
	if err == nil && loaderRuns(o.PID) {
		return c.withoutLoader()
	}
	return c, err
}
