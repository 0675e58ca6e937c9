package snapshot

import (
	"context"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// At is where a command is frozen: at its exit, or when a function is called first, on the main thread.
type At struct{ module, function string } // both "" for the exit

// Found stands for a point that is found by watching the program.
const Found = "found"

// ParseAt reads "exit" or MODULE:FUNCTION. The error is an *AtError.
func ParseAt(at string) (At, error) {
	if at == "exit" {
		return At{}, nil
	}
	module, function, ok := strings.Cut(at, ":")
	if !ok || module == "" || function == "" || strings.ContainsAny(at, " ()") || strings.Contains(function, ":") {
		return At{}, &AtError{at, "give found, exit, or MODULE:FUNCTION, such as app.cli:main or app.cli:App.run"}
	}
	return At{module, function}, nil
}

// Exit says whether the point is the end of the program.
func (a At) Exit() bool { return a.function == "" }

func (a At) String() string {
	if a.Exit() {
		return "exit"
	}
	return a.module + ":" + a.function
}

// ToPoint lets the command run to a point. Precondition: ToPython has returned, UseLayout was called. Errors: *CommandEndedError,
// *symbols.NotPythonError.
func (c *Command) ToPoint(ctx context.Context, at At) error {
	if at.Exit() {
		return c.toExit(ctx)
	}
	return c.toFunction(ctx, at)
}

// missedExit is what a command did not come to.
const missedExit = "did not come to the end of its interpreter (os._exit, exec or a fault end it before)"

func (c *Command) toExit(ctx context.Context) error {
	if len(c.exits()) == 0 {
		return &symbols.NotPythonError{Path: c.in.Exe, Reason: "it does not export Py_FinalizeEx"}
	}
	if c.imports != nil {
		return c.toExitByImports(ctx)
	}
	if err := c.watchExits(watchExit, tracer.Watches); err != nil {
		return err
	}
	ev, err := c.proceed(ctx, missedExit)
	if err == nil && ev.Exec {
		err = &CommandEndedError{Command: c.name, Missed: "executed another program"}
	}
	return err
}

// watchExits sets watches for the end of the interpreter: from first on, and below end.
func (c *Command) watchExits(first, end int) error {
	for i, at := range c.exits() {
		if first+i >= end {
			break
		}
		if err := c.p.SetWatch(first+i, at, tracer.WatchExecute); err != nil {
			return err
		}
	}
	return nil
}

// exits returns the functions through which an interpreter ends: what first takes it down, and those that call that, which compilers
// may make a part of.
func (c *Command) exits() (out []procmem.Addr) {
	add := func(a procmem.Addr) {
		if a += c.in.Bias; len(out) < tracer.Watches && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, name := range []string{"Py_FinalizeEx", "Py_Exit"} {
		if sym, ok := c.in.Module.File.Dynsym(name); ok {
			add(sym.Addr)
		}
	}
	for _, sym := range c.lay.Symbols("_Py_Finalize") { // 3.13.1 (gh-126016): Py_Exit calls it
		if !strings.HasSuffix(sym.Name, ".cold") {
			add(sym.Addr)
		}
	}
	return out
}
