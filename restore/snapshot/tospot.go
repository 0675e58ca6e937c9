package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/prefix"
	"pyfreeze/tracer"
)

// PassedError says that a run came to something that must not be done before its spot.
type PassedError struct {
	Spot *Spot
	What string
	Next []*Spot // those before what it came to, the latest first
}

func (e *PassedError) Error() string {
	return fmt.Sprintf("the program %s before it came to the spot %v: start it without what does that, "+
		"or name a function by --at MODULE:FUNCTION", e.What, e.Spot)
}

// spotSeeker runs a command to a spot.
type spotSeeker struct {
	*observer
	spot  *Spot
	tries int
	back  uint64 // stack pointer when the script's code has returned; 0: not known yet
	roles [tracer.Watches]role

	getenv  procmem.Addr  // of libc; 0: it is not watched
	inC     *prefix.Reads // gets the variables that code in C looks for
	instead bool          // it is watched in place of the arguments
	deaf    bool          // it is watched in place of what leads to the spot
}

// role is what a watch of a run to a spot is for.
type role int

const (
	roleNone role = iota
	roleArguments
	roleNames  // PyEval_EvalCode
	roleSpot   // the instruction of the spot, or where the script returns to
	roleEnd    // what takes the interpreter down
	roleGetenv // of libc
)

// mostTries bounds how often a command is stopped where its newest frame is that of the spot, but
// the others are not.
const mostTries = 50000

// ToSpot runs the command to a spot, without letting it do anything that others could tell, and
// returns what it has read until then. With listen that has the variables that libraries looked for
// by libc's getenv, where Heard says so; as the processor has few watches, the run may miss its
// spot for that, which Deaf tells. Precondition: as of [Command.Observe]. Errors: *PassedError,
// *CommandEndedError.
func (c *Command) ToSpot(ctx context.Context, spot *Spot, listen bool) (*prefix.Reads, error) {
	s := &spotSeeker{spot: spot}
	if listen {
		if err := s.listenTo(c); err != nil {
			return nil, err
		}
	}
	reads, err := c.toSpot(ctx, s)
	if c.deaf = s.deaf; err != nil || s.getenv == 0 {
		return reads, err
	}
	asks, err := c.AsksInC()
	if c.heard = s.listens() && !s.unheard; asks && c.heard {
		reads.Join(s.inC)
	}
	return reads, err
}

// Deaf says whether ToSpot has stopped to watch for code that the program makes anew.
func (c *Command) Deaf() bool { return c.deaf }

// Heard says whether what ToSpot has returned has the variables that libraries looked for.
func (c *Command) Heard() bool { return c.heard }

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
			c.keepHeap() // for SourceModules
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
	if s.instead {
		if err := s.set(watchArgv, roleGetenv, s.getenv, tracer.WatchExecute); err != nil {
			return err
		}
	} else if err := s.set(watchArgv, roleArguments, s.argv, tracer.WatchAccess); err != nil {
		return err
	}
	if err := s.watchEnviron(watchKeys); err != nil {
		return err
	}
	if s.spot.End() {
		for n := watchNames; n < tracer.Watches; n++ {
			s.roles[n] = roleEnd
		}
		if err := c.watchExits(watchNames, tracer.Watches); err != nil {
			return err
		}
		return s.listen()
	}
	if !s.spot.after && !s.spot.before {
		if code, ok := s.loaded(); ok {
			return s.watchCode(code)
		}
	}
	if err := s.set(watchNames, roleNames, c.evalCode(), tracer.WatchExecute); err != nil {
		return err
	}
	return s.listen()
}

// set gives a watch a role.
func (s *spotSeeker) set(n int, r role, at procmem.Addr, kind tracer.WatchKind) error {
	s.roles[n] = r
	return s.c.p.SetWatch(n, at, kind)
}

// hit says whether a watch of a role was hit.
func (s *spotSeeker) hit(ev *tracer.Stop, r role) bool {
	for n, hit := range ev.Hit {
		if hit && s.roles[n] == r {
			return true
		}
	}
	return false
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
	case s.hit(ev, roleArguments) && s.argumentsRead():
		return false, s.passed(readsArguments)
	}
	if s.hit(ev, roleGetenv) {
		if err := s.asked(); err != nil {
			return false, err
		}
	}
	if s.mapped {
		if err := s.listen(); err != nil {
			return false, err
		}
	}
	if ev.Hit[watchKeys] {
		s.variableRead()
	}
	if ev.Hit[watchKeys] || s.moved {
		if err := s.watchEnviron(watchKeys); err != nil {
			return false, err
		}
	}
	return s.arrived(s.hit(ev, roleNames), s.hit(ev, roleSpot), s.hit(ev, roleEnd))
}

// arrived says whether the command is at the spot, by the watches that were hit.
func (s *spotSeeker) arrived(names, spot, end bool) (bool, error) {
	switch {
	case s.spot.End():
		return end, nil
	case names && s.spot.before:
		return len(s.stack.frames(s.tstate(), 1)) == 0, nil
	case names && s.spot.after:
		if err := s.awaitReturn(); err != nil {
			return false, err
		}
	case names:
		if err := s.executing(); err != nil {
			return false, err
		}
	}
	if spot && s.spot.after {
		regs, err := s.c.p.Regs(s.c.p.PID())
		return err == nil && stackPointer(&regs) == s.back, err
	}
	if spot {
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
	if err := s.set(watchSpot, roleSpot, to, tracer.WatchExecute); err != nil {
		return err
	}
	if s.roles[watchNames] == roleNames { // nothing is to be found by it any more
		s.roles[watchNames] = roleNone
		if err := s.c.p.ClearWatch(watchNames); err != nil {
			return err
		}
	}
	return s.listen()
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
	if err := s.set(watchSpot, roleSpot, at, tracer.WatchAccess); err != nil {
		return err
	}
	return s.listen()
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
