// Package restore freezes Python processes into images. It wires the rooms below it together: see docs/architecture.md.
//
// Thawing is done by package stub, before the Go runtime starts; what it leaves is told by package thaw.
package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"pyfreeze/restore/freeze"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/script"
	"pyfreeze/restore/snapshot"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// Options tell what image to make, and how.
type Options struct {
	Output   string
	Timeout  time.Duration // to reach a safe point
	Recipe   string        // path of a recipe; "" chooses a shipped one by loaded modules
	NoRecipe bool
	Allow    []string // kinds of offenders that are no reason to refuse
	Strict   bool     // a thaw compares what is in each file, whatever its times say
	KeepDead bool     // leave in the image what freed memory and dead stacks hold, for forensics
	Threads  bool     // a thaw has all threads; those of a process that ran already it has in any case where it goes on
	Tell     snapshot.Tell
}

func (o *Options) image() freeze.Options {
	// Native threads that are allowed are kept: a library that does not make its threads again waits for them.
	o.Threads = o.Threads || slices.Contains(o.Allow, "native-thread")
	return freeze.Options{Output: o.Output, Recipe: o.Recipe, NoRecipe: o.NoRecipe, Allow: o.Allow,
		KeepDead: o.KeepDead, Strict: o.Strict, Threads: o.Threads, Tell: o.Tell}
}

// Transient says whether an error of a freeze tells of this try alone, and nothing of the
// program: its process has gone.
func Transient(err error) bool {
	return errors.Is(err, tracer.ErrNoProcess) || errors.Is(err, context.Canceled)
}

// Attach writes an image of a running process, which is stopped only while a twin of it is made, and changed in nothing. When ctx ends, so
// does Attach, unless it writes the image already. Errors: *refuse.Error, *snapshot.TimeoutError, *tracer.PermissionError,
// tracer.ErrNoProcess, *symbols.NotPythonError, *symbols.MissingDebugError, *image.WriteError, those of ctx.
func Attach(ctx context.Context, pid int, o Options) (*freeze.Meta, error) {
	if err := freeze.Writable(o.Output); err != nil {
		return nil, err
	}
	t, err := snapshot.Open(ctx, pid, o.Tell)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	c, err := t.Attach(ctx, o.Timeout)
	if err != nil {
		return nil, err
	}
	defer c.Release() // the rest is the Target's
	return freeze.Image(symbols.WithProgress(ctx, o.Tell), c, o.image())
}

// CommandOptions tell FreezeCommand what to start and when to freeze it.
type CommandOptions struct {
	Options
	Command []string // as a shell would run it
	// At is snapshot.Found (or ""): the last point at which nothing depends on this one run, or for
	// a program with a recipe "exit"; "exit", just before the interpreter finalises; or
	// MODULE:FUNCTION, when that function of Python is called for the first time, on the main thread.
	At string
	// Warm are arguments of further runs of the program, in the same process, after that of Command and before the freeze.
	Warm [][]string
	// Here is a run that the recipe prepares for after the warm-up; nil for any.
	Here *Here
	// LeftBehind has what a run to the exit has changed in modules told exactly, however long that
	// takes.
	LeftBehind bool
	// Stop ends the command when the image is written. Else it goes on to its end.
	Stop bool
	// Work is a directory in which a command is watched whose point is to be found, "" for this one.
	Work string
}

// Here is a run of a program that a recipe prepares for.
type Here = script.Here

// FreezeCommand starts a command, which inherits the standard streams, and writes an image of it when it is at the point that o.At tells.
// Then the command goes on to its end, which FreezeCommand waits for and whose status it returns; so it does where the freeze is refused or
// fails. When ctx ends, the command goes on, and FreezeCommand returns. Errors: *snapshot.CommandEndedError, *snapshot.AtError, and those of
// [Attach].
func FreezeCommand(ctx context.Context, o CommandOptions) (*freeze.Meta, syscall.WaitStatus, error) {
	if err := freeze.Writable(o.Output); err != nil {
		return nil, 0, err
	}
	if o.At == "" || o.At == snapshot.Found {
		recipe, err := o.recipeOf()
		if err != nil {
			return nil, 0, err
		}
		if o.At = snapshot.Found; len(o.Warm) > 0 || recipe != nil {
			o.At = "exit" // a program with a recipe runs again
		}
	}
	path, err := snapshot.FindProgram(o.Command[0])
	if err != nil {
		return nil, 0, err
	}
	fo, program := o.image(), tracer.Program{Path: path, Argv: o.Command, Env: os.Environ()}
	if o.At == snapshot.Found {
		return found(ctx, program, o, fo)
	}
	at, err := snapshot.ParseAt(o.At)
	if err != nil {
		return nil, 0, err
	}
	if len(o.Warm) > 0 {
		start, exe, err := learn(ctx, program, o.Tell)
		if err != nil {
			return nil, 0, err
		}
		cl, err := guard.ParseCmdline(start.Argv)
		if err != nil {
			return nil, 0, &refuse.Error{Offenders: []refuse.Offender{{What: err.Error(), Remedy: "give the command of a script or module"}}}
		}
		told, err := os.CreateTemp("", "pyfreeze-warm-")
		if err != nil {
			return nil, 0, err
		}
		defer os.Remove(told.Name())
		defer told.Close()
		fo.Opened, fo.Work = told, o.Work
		argv, err := script.WarmCommand(cl, start.Cwd, o.Warm, o.Recipe, o.NoRecipe, o.Here, told.Name())
		if err != nil {
			return nil, 0, err
		}
		fo.Plain, program = &start, tracer.Program{Path: exe, Argv: argv, Env: start.Environ, Dir: start.Cwd}
	}
	fo.At, fo.Again = at.String(), at.Exit()
	if fo.Plain == nil {
		fo.Given = given(program)
	}
	tell(o.Tell, "starting "+o.Command[0])
	c, err := snapshot.StartCommand(program, o.Tell)
	if err != nil {
		return nil, 0, err
	}
	m, err := freezeCommand(ctx, c, at, o, fo)
	if err == nil && o.Stop {
		err = c.Kill()
		_, werr := c.Wait(context.Background())
		return m, 0, errors.Join(err, werr)
	}
	// Whatever became of the freeze, the command is the user's.
	if rerr := c.Release(); rerr != nil {
		err = errors.Join(err, fmt.Errorf("the command could not be let go: %w", rerr))
	}
	status, werr := c.Wait(ctx)
	var ended *snapshot.CommandEndedError
	if errors.As(err, &ended) {
		return nil, ended.Status, err
	}
	if err == nil && ctx.Err() == nil {
		err = werr
	}
	return m, status, err
}

// given is a command as it was given.
func given(program tracer.Program) *freeze.Given {
	g := &freeze.Given{Path: program.Path, Words: program.Argv, Environ: program.Env, Dir: program.Dir}
	if g.Dir == "" {
		g.Dir, _ = os.Getwd() // a directory that is gone is no other
	}
	return g
}

// freezeCommand takes the image.
func freezeCommand(ctx context.Context, c *snapshot.Command, at snapshot.At, o CommandOptions, fo freeze.Options) (*freeze.Meta, error) {
	if err := c.ToPython(ctx); err != nil {
		return nil, err
	}
	if fo.Plain != nil { // what is known of the driver's start counts for the program, too
		s := c.Start()
		fo.Plain.Mask, fo.Plain.Ignored, fo.Plain.FDs = s.Mask, s.Ignored, s.FDs
		fo.Plain.Time, fo.Plain.State = s.Time, s.State
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var code <-chan compiled
	if !o.Threads {
		code = compileCode(ctx, c)
	}
	tell(o.Tell, "reading debug information")
	lay, err := symbols.LoadLayoutContext(symbols.WithProgress(ctx, o.Tell), c.Interpreter().Module.File)
	if err != nil {
		return nil, err
	}
	c.UseLayout(lay)
	if fo.Given != nil {
		fo.Given.Wrappers = c.Wrappers()
	}
	tell(o.Tell, "running "+o.Command[0])
	if fo.Behind, err = toPoint(ctx, c, at, o); err != nil {
		return nil, err
	}
	return takeImage(ctx, c, code, nil, o, fo)
}

// takeImage copies a command that is at its point, and makes an image of the copy. learned is what
// script.Learned returned, or nil.
func takeImage(ctx context.Context, c *snapshot.Command, code <-chan compiled, learned []byte,
	o CommandOptions, fo freeze.Options) (_ *freeze.Meta, err error) {
	hooks, err := c.HasHooks()
	if err != nil {
		return nil, err
	}
	if hooks {
		child, herr := runHooks(ctx, c, o)
		if herr != nil {
			return nil, herr
		}
		defer func() { err = errors.Join(err, child.End()) }()
		c = &child.Command
	}
	tell(o.Tell, "copying the process")
	var cp *snapshot.Copy
	if o.Threads {
		cp, err = c.AsItStands()
	} else {
		done := <-code
		if err = done.err; err == nil {
			cp, err = c.Fork(ctx, done.code, learned)
		}
	}
	if err != nil {
		return nil, err
	}
	defer cp.Close()
	return freeze.Image(symbols.WithProgress(ctx, o.Tell), cp, fo)
}

// runHooks runs what the program has registered for the freeze, in a child of the command, which is
// frozen in its place.
func runHooks(ctx context.Context, c *snapshot.Command, o CommandOptions) (*snapshot.Hooked, error) {
	if o.Threads {
		return nil, &snapshot.StateError{
			What: "functions that it has registered by register_before_snapshot: they run in a child, " +
				"which has no other threads",
			Remedy: "freeze it without --threads",
		}
	}
	tell(o.Tell, "running what the program has registered for a snapshot")
	code, err := script.Before(ctx, c.Interpreter().Exe, c.Start().Environ)
	if err != nil {
		return nil, err
	}
	return c.RunHooks(ctx, code)
}

type compiled struct {
	code []byte
	err  error
}

// compileCode compiles the thaw script while the command runs to its point.
func compileCode(ctx context.Context, c *snapshot.Command) <-chan compiled {
	done := make(chan compiled, 1)
	exe, environ := c.Interpreter().Exe, c.Start().Environ
	go func() {
		code, err := script.Code(ctx, exe, environ)
		done <- compiled{code, err}
	}()
	return done
}

// learn starts a command up to the first instruction of its interpreter, to find out how that is called, through #!, env or a wrapper, and
// ends it there.
func learn(ctx context.Context, program tracer.Program, t snapshot.Tell) (s snapshot.Start, exe string, err error) {
	c, err := snapshot.StartCommand(program, t)
	if err != nil {
		return s, "", err
	}
	if err = c.ToPython(ctx); err == nil {
		s, exe = c.Start(), c.Interpreter().Exe
	}
	kerr := c.Kill()
	_, werr := c.Wait(context.Background())
	if err == nil {
		err = errors.Join(kerr, werr)
	}
	return s, exe, err
}

func tell(t snapshot.Tell, step string) {
	if t != nil {
		t(step, 0, 0)
	}
}
