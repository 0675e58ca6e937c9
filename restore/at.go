package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// AtError says that a point to freeze at is none.
type AtError struct{ At, Why string }

func (e *AtError) Error() string { return fmt.Sprintf("--at %s: %s", e.At, e.Why) }

// atPoint is where a command is frozen.
type atPoint struct{ module, function string } // both "" for the exit

func parseAt(at string) (atPoint, error) {
	if at == "" || at == "exit" {
		return atPoint{}, nil
	}
	module, function, ok := strings.Cut(at, ":")
	if !ok || module == "" || function == "" || strings.ContainsAny(at, " ()") || strings.Contains(function, ":") {
		return atPoint{}, &AtError{at, "give exit, or MODULE:FUNCTION, such as app.cli:main or app.cli:App.run"}
	}
	return atPoint{module, function}, nil
}

// reach lets the command run there.
func (a atPoint) reach(ctx context.Context, s *started, lay *symbols.Layout) error {
	if a.function != "" {
		return a.reachFunction(ctx, s, lay)
	}
	exits := s.exits(lay)
	if len(exits) == 0 {
		return &symbols.NotPythonError{Path: s.in.Exe, Reason: "it does not export Py_FinalizeEx"}
	}
	for i, at := range exits {
		if err := s.p.SetWatch(watchExit+i, at, tracer.WatchExecute); err != nil {
			return err
		}
	}
	ev, err := s.proceed(ctx, "did not come to the end of its interpreter (os._exit, exec or a fault end it before)")
	if err == nil && ev.Exec {
		err = &CommandEndedError{Command: s.o.Command[0], Missed: "executed another program"}
	}
	return err
}

// exits gives the functions through which an interpreter ends: what first takes it down, and those that call that, which compilers
// may make a part of.
func (s *started) exits(lay *symbols.Layout) (out []procmem.Addr) {
	add := func(a procmem.Addr) {
		if a += s.in.Bias; len(out) < tracer.Watches && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, name := range []string{"Py_FinalizeEx", "Py_Exit"} {
		if sym, ok := s.in.Module.File.Dynsym(name); ok {
			add(sym.Addr)
		}
	}
	for _, sym := range lay.Symbols("_Py_Finalize") { // 3.13.1 (gh-126016): Py_Exit calls it
		if !strings.HasSuffix(sym.Name, ".cold") {
			add(sym.Addr)
		}
	}
	return out
}

// reachFunction watches functions being made until the one is, then the first instruction of its code: the processor
// stops the thread when the interpreter reads that.
func (a atPoint) reachFunction(ctx context.Context, s *started, lay *symbols.Layout) error {
	sym, ok := s.in.Module.File.Dynsym("PyFunction_NewWithQualName") // PyFunction_New calls it
	if !ok {
		return &symbols.NotPythonError{Path: s.in.Exe, Reason: "it does not export PyFunction_NewWithQualName"}
	}
	names, err := newCodeNames(lay, s.live)
	if err != nil {
		return err
	}
	if err := s.p.SetWatch(watchMade, s.in.Bias+sym.Addr, tracer.WatchExecute); err != nil {
		return err
	}
	missed := fmt.Sprintf("never called %s:%s on its main thread", a.module, a.function)
	for {
		ev, err := s.proceed(ctx, missed)
		switch {
		case err != nil:
			return err
		case ev.Exec:
			return &CommandEndedError{Command: s.o.Command[0], Missed: "executed another program"}
		case ev.Hit[watchFirst]:
			if inEval, err := s.inEval(lay); err != nil || inEval {
				return err
			}
		case ev.Hit[watchMade]:
			regs, err := s.p.Regs(s.p.PID())
			if err != nil {
				return err
			}
			code, globals := procmem.Addr(firstArgument(&regs)), procmem.Addr(secondArgument(&regs))
			if names.of(code) != a.function {
				continue
			}
			if module, err := s.moduleOf(globals, lay); err != nil || module != a.module {
				continue // in a state in which it cannot be read
			}
			first, err := names.firstInstruction(code)
			if err != nil {
				return err
			}
			if err := s.p.SetWatch(watchFirst, first, tracer.WatchAccess); err != nil {
				return err
			}
		}
	}
}

// inEval says whether the main thread is in the eval loop, rather than in some other reader of code.
func (s *started) inEval(lay *symbols.Layout) (bool, error) {
	regs, err := s.p.Regs(s.p.PID())
	if err != nil {
		return false, err
	}
	sym, _, ok := lay.SymbolAt(procmem.Addr(regs.Rip) - s.in.Bias)
	return ok && strings.HasPrefix(sym.Name, "_PyEval_EvalFrameDefault"), nil
}

// moduleOf gives __name__ of the globals of a function.
func (s *started) moduleOf(globals procmem.Addr, lay *symbols.Layout) (string, error) {
	maps, err := procmem.ReadMaps(s.p.PID())
	if err != nil {
		return "", err
	}
	space, err := procmem.Capture(s.live, maps, func(done, total uint64) {})
	if err != nil {
		return "", err
	}
	defer space.Close()
	h, err := pyheap.Open(space, s.in, lay)
	if err != nil {
		return "", err
	}
	defer h.Close()
	items, err := h.DictItems(globals, -1)
	if err != nil {
		return "", err
	}
	for _, it := range items {
		if key, err := h.Str(it.Key); err == nil && key == "__name__" {
			return h.Str(it.Value)
		}
	}
	return "", nil
}
