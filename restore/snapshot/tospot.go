package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/prefix"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// PassedError says that a run came to something that must not be done before its spot.
type PassedError struct {
	Spot *Spot
	What string
	Next []*Spot // those before what it came to, the latest first
}

func (e *PassedError) Error() string {
	return fmt.Sprintf("the program %s before it came to the spot %v", e.What, e.Spot)
}

// spotSeeker runs a command to a spot.
type spotSeeker struct {
	*observer
	spot  *Spot
	tries int
	back  uint64 // stack pointer when the script's code has returned; 0: not known yet

	getenv procmem.Addr  // of libc, which is watched in place of the arguments; 0: it is not
	asks   *prefix.Reads // gets the variables that code in C looks for
}

// mostTries bounds how often a command is stopped where its newest frame is that of the spot, but
// the others are not.
const mostTries = 50000

// ToSpot runs the command to a spot, without letting it do anything that others could tell, and
// returns what it has read until then. Precondition: as of [Command.Observe]. Errors:
// *PassedError, *CommandEndedError.
func (c *Command) ToSpot(ctx context.Context, spot *Spot) (*prefix.Reads, error) {
	return c.toSpot(ctx, &spotSeeker{spot: spot})
}

func (c *Command) toSpot(ctx context.Context, s *spotSeeker) (_ *prefix.Reads, err error) {
	o, err := newObserver(c)
	if err != nil {
		return nil, err
	}
	o.threads = true
	defer func() {
		if err == nil {
			err = c.p.LetThreadsGo()
		} else if kerr := c.p.KillThreads(); kerr != nil {
			err = errors.Join(err, kerr)
		}
	}()
	o.reads = prefix.NewReads()
	if c.reads != nil {
		o.reads = c.reads
	}
	s.observer = o
	if err := o.find(); err != nil {
		return nil, err
	}
	if err := s.watch(); err != nil {
		return nil, err
	}
	for {
		ev, err := o.proceed(ctx)
		if err != nil {
			return nil, err
		}
		there, err := s.event(&ev)
		if there && err == nil {
			s.findReplaced()
		}
		if there && err == nil && s.pending() > 0 {
			return nil, &PassedError{Spot: s.spot, What: writesOutput}
		}
		if err != nil || there {
			if err == nil {
				err = o.stop()
			}
			return o.reads, err
		}
	}
}

// passed is the error of a run that did what it must not do, now.
func (s *spotSeeker) passed(what string) error {
	return &PassedError{s.spot, what, s.candidates(what)}
}

// watch sets the watches for the spot.
func (s *spotSeeker) watch() error {
	c := s.c
	if err := s.watchVariables(); err != nil {
		return err
	}
	if err := s.watchEnviron(watchKeys); err != nil {
		return err
	}
	if s.spot.End() {
		return c.watchExits(watchNames, tracer.Watches)
	}
	if !s.spot.after && !s.spot.before {
		if code, ok := s.loaded(); ok {
			return s.watchCode(code)
		}
	}
	sym, ok := c.in.Module.File.Dynsym("PyEval_EvalCode")
	if !ok {
		return &symbols.NotPythonError{Path: c.in.Exe, Reason: "it does not export PyEval_EvalCode"}
	}
	return c.p.SetWatch(watchNames, c.in.Bias+sym.Addr, tracer.WatchExecute)
}

// event says whether the command is at the spot.
func (s *spotSeeker) event(ev *tracer.Stop) (bool, error) {
	switch {
	case ev.Exec:
		return false, &CommandEndedError{Command: s.c.name, Missed: "executed another program"}
	case ev.Call != nil && !ev.Call.Done && s.inThread:
		return false, &PassedError{Spot: s.spot, What: s.effect} // the main thread runs meanwhile
	case ev.Call != nil && !ev.Call.Done:
		return false, s.passed(s.effect)
	case ev.Hit[watchArgv] && s.getenv != 0:
		if err := s.asked(); err != nil {
			return false, err
		}
	case ev.Hit[watchArgv] && s.argumentsRead():
		return false, s.passed(readsArguments)
	}
	if ev.Hit[watchKeys] {
		s.variableRead()
	}
	if ev.Hit[watchKeys] || s.moved {
		if err := s.watchEnviron(watchKeys); err != nil {
			return false, err
		}
	}
	if s.spot.End() {
		return ev.Hit[watchNames] || ev.Hit[watchSpot], nil
	}
	if ev.Hit[watchNames] && s.spot.before {
		return len(s.stack.frames(s.tstate(), 1)) == 0, nil
	}
	if ev.Hit[watchNames] && s.spot.after {
		if err := s.awaitReturn(); err != nil {
			return false, err
		}
	} else if ev.Hit[watchNames] {
		if err := s.executing(); err != nil {
			return false, err
		}
	}
	if ev.Hit[watchSpot] && s.spot.after {
		regs, err := s.c.p.Regs(s.c.p.PID())
		return err == nil && stackPointer(&regs) == s.back, err
	}
	if ev.Hit[watchSpot] {
		if s.tries++; s.tries > mostTries {
			return false, &PassedError{Spot: s.spot, What: "comes to its code far too often"}
		}
		return s.there()
	}
	return false, nil
}

// awaitReturn has the thread stop where the code of the script returns, which is about to begin:
// no other is executed without a Python stack.
func (s *spotSeeker) awaitReturn() error {
	if s.back != 0 || len(s.stack.frames(s.tstate(), 1)) > 0 {
		return nil
	}
	regs, err := s.c.p.Regs(s.c.p.PID())
	if err != nil {
		return err
	}
	s.back = stackPointer(&regs) + 8
	to := s.stack.word(procmem.Addr(stackPointer(&regs)), 0)
	return s.c.p.SetWatch(watchSpot, to, tracer.WatchExecute)
}

// executing looks for the code of the spot's newest frame in what is about to be executed.
func (s *spotSeeker) executing() error {
	regs, err := s.c.p.Regs(s.c.p.PID())
	if err != nil {
		return err
	}
	code := procmem.Addr(firstArgument(&regs))
	if s.stack.file(code) != s.spot.Stack[0].File {
		return nil
	}
	if found, ok := s.below(code, 0); ok {
		return s.watchCode(found)
	}
	return nil
}

// below returns the code object of the spot's newest frame: the given one, or one among its
// constants and theirs.
func (s *spotSeeker) below(code procmem.Addr, depth int) (procmem.Addr, bool) {
	const deepest = 20
	want := &s.spot.Stack[0]
	if s.stack.line(code) == want.First && s.stack.name(code) == want.Name {
		return code, true
	}
	if depth < deepest {
		for _, inner := range s.stack.code.nested(code) {
			if found, ok := s.below(inner, depth+1); ok {
				return found, true
			}
		}
	}
	return 0, false
}

// loaded looks for the code of the spot's newest frame in the modules that the interpreter has
// loaded for itself.
func (s *spotSeeker) loaded() (procmem.Addr, bool) {
	h, done, err := s.c.heap()
	if err != nil {
		return 0, false
	}
	defer done()
	mods, err := h.Modules()
	if err != nil {
		return 0, false
	}
	want := &s.spot.Stack[0]
	for _, m := range mods {
		if m.File != want.File && !strings.HasPrefix(want.File, "<frozen "+m.Name) {
			continue
		}
		if obj, err := h.Lookup(m.Name + "." + want.Name); err == nil {
			if code, ok := codeOf(h, pyheap.Addr(obj)); ok && s.stack.line(code) == want.First {
				return code, true
			}
		}
	}
	return 0, false
}

// watchCode has the processor stop the thread where it reads the spot's instruction.
func (s *spotSeeker) watchCode(code procmem.Addr) error {
	at, err := s.stack.code.firstInstruction(code)
	if err != nil {
		return err
	}
	if !s.spot.begin {
		at += procmem.Addr(s.spot.Stack[0].at)
	}
	return s.c.p.SetWatch(watchSpot, at, tracer.WatchAccess)
}

// there says whether the main thread is about to do the spot's instruction with the spot's stack.
func (s *spotSeeker) there() (bool, error) {
	regs, err := s.c.p.Regs(s.c.p.PID())
	if err != nil {
		return false, err
	}
	if !s.c.inEvalLoop(regs.Rip) {
		return false, nil // something else reads the code
	}
	frames := s.stack.frames(s.tstate(), len(s.spot.Stack)+1)
	if len(frames) != len(s.spot.Stack) {
		return false, nil
	}
	for i, f := range frames {
		p, want := s.place(f), &s.spot.Stack[i]
		if p.File != want.File || p.Name != want.Name || p.First != want.First {
			return false, nil
		}
	}
	return true, nil
}
