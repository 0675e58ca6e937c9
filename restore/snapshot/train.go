package snapshot

import (
	"context"
	"slices"

	"pyfreeze/procmem"
	"pyfreeze/tracer"
)

// Numbers of the watches of a run that is observed.
const (
	watchArgv  = 0 // the size of sys.argv
	watchText  = 1 // what waits in the text stream of standard output
	watchEnd   = 2 // and what follows: what takes the interpreter down
	watchKeys  = 1 // of os.environ
	watchNames = 2 // PyEval_EvalCode
	watchSpot  = 3
	watchOrig  = 3 // the size of sys.orig_argv
)

// Observe lets the command run until it is about to do what depends on this one run: read its
// arguments, do something that others could tell, or end. It returns the spots before that, the
// latest first. The command is stopped there, and what it was about to do is not done yet.
// Precondition: ToPython has returned, UseLayout was called. Errors: *CommandEndedError.
func (c *Command) Observe(ctx context.Context) ([]*Spot, error) {
	o, err := newObserver(c)
	if err != nil {
		return nil, err
	}
	o.observes = true
	if err := o.find(); err != nil {
		return nil, err
	}
	if err := c.p.SetWatch(watchArgv, o.argv, tracer.WatchAccess); err != nil {
		return nil, err
	}
	if at := o.stack.pendingAt(o.streams[0]); at != 0 {
		if err := c.p.SetWatch(watchText, at, tracer.WatchAccess); err != nil {
			return nil, err
		}
	}
	last := tracer.Watches
	if o.orig != 0 { // an end that is not seen is seen by what it does
		last = watchOrig
		if err := c.p.SetWatch(watchOrig, o.orig, tracer.WatchAccess); err != nil {
			return nil, err
		}
	}
	if err := c.watchExits(watchEnd, last); err != nil {
		return nil, err
	}
	for {
		ev, err := o.proceed(ctx)
		switch {
		case err != nil:
			return nil, err
		case ev.Exec:
			return nil, &CommandEndedError{Command: c.name, Missed: "executed another program"}
		case ev.Call != nil:
			spots := o.candidates(o.effect)
			if err := c.p.UndoCall(); err != nil {
				return nil, err
			}
			return spots, o.stop()
		case ev.Hit[watchArgv]:
			if len(o.stack.frames(o.tstate(), 1)) == 0 {
				return o.candidates("ends"), o.stop() // the interpreter takes itself down
			}
			if o.argumentsRead() {
				return o.candidates(readsArguments), o.stop()
			}
		case ev.Hit[watchText] && o.pending() > 0:
			return o.candidates(writesOutput), o.stop()
		case ev.Hit[watchText]:
		case ev.Hit[watchOrig] && o.orig != 0:
			if o.argumentsRead() {
				return o.candidates(readsArguments), o.stop()
			}
		default:
			return []*Spot{{What: "ends"}}, o.stop()
		}
	}
}

// Asks returns the questions for the working directory of a run that was observed, the first of
// each line of Python.
func (c *Command) Asks() []Ask { return c.asks }

// asking notes that the program is about to ask for its working directory.
func (o *observer) asking() {
	const most = 100
	_, who := o.who()
	if len(o.c.asks) < most && !slices.ContainsFunc(o.c.asks, func(a Ask) bool { return a.Who == who }) {
		o.c.asks = append(o.c.asks, Ask{who, o.candidates(asksDirectory)})
	}
}

// candidates are the spots before what the command is about to do.
func (o *observer) candidates(what string) []*Spot {
	files := o.stack.forkFiles(o.tstate())
	for _, file := range o.lockFiles() {
		files[file] = true
	}
	return candidates(what, o.places(), files)
}

// lockFiles returns the files of the modules whose own locks a fork takes: where the program is
// inside of one and has it, the fork would wait for ever.
func (o *observer) lockFiles() (out []string) {
	selves := o.stack.forkSelves(o.tstate())
	if len(selves) == 0 {
		return nil
	}
	h, done, err := o.c.heap()
	if err != nil {
		return nil
	}
	defer done()
	mods, err := h.Modules()
	if err != nil {
		return nil
	}
	for _, m := range mods {
		if m.Dict == 0 || m.File == "" {
			continue
		}
		items, err := h.DictItems(m.Dict, -1)
		if err != nil {
			continue
		}
		for _, it := range items {
			if selves[procmem.Addr(it.Value)] {
				out = append(out, m.File)
				break
			}
		}
	}
	return out
}

// stop takes the watches away.
func (o *observer) stop() error {
	for n := range tracer.Watches {
		if err := o.c.p.ClearWatch(n); err != nil {
			return err
		}
	}
	return nil
}
