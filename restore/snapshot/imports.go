package snapshot

import (
	"context"
	"strings"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/tracer"
)

// Imports is who is told of the imports of a command: of those that are not part of another one,
// when they begin and when they have ended. The command is stopped meanwhile.
type Imports struct {
	Begins, Ended func(h *pyheap.Heap) error
	// Starts is called when the script begins.
	Starts func(h *pyheap.Heap) error
	// Late is called when more than Most has been spent, and than half of what the command has
	// taken beside: no further import is told.
	Late func()
	Most time.Duration
}

// WatchImports has ToPoint tell imports on its way to the exit.
func (c *Command) WatchImports(told *Imports) { c.imports = told }

// AtRest calls fn with the objects of the stopped command.
func (c *Command) AtRest(fn func(h *pyheap.Heap) error) error {
	h, done, err := c.lazyHeap()
	if err != nil {
		return err
	}
	defer done()
	return fn(h)
}

// watchImport is what is left of the watches beside those of the exit.
const watchImport = tracer.Watches - 1

// importWatcher stops a command where it executes a module.
type importWatcher struct {
	c     *Command
	codes *codeReader
	entry procmem.Addr // of PyEval_EvalCode
	back  uint64       // stack pointer once the module's code has returned; 0: not awaited
	start time.Time
	spent time.Duration
	late  bool
	ready bool // the script has begun, and has imported something
	begun bool
}

// toExitByImports is toExit for a command whose imports are told.
func (c *Command) toExitByImports(ctx context.Context) error {
	codes, err := newCodeReader(c.lay, c.live)
	if err != nil {
		return err
	}
	w := &importWatcher{c: c, codes: codes, start: time.Now(), entry: c.evalCode()}
	if err := c.watchExits(watchExit, watchImport); err != nil {
		return err
	}
	if err := c.p.SetWatch(watchImport, w.entry, tracer.WatchExecute); err != nil {
		return err
	}
	for {
		ev, err := c.proceed(ctx, missedExit)
		switch {
		case err != nil:
			return err
		case ev.Exec:
			return &CommandEndedError{Command: c.name, Missed: "executed another program"}
		case !ev.Hit[watchImport]:
			return nil
		}
		if err := w.stopped(); err != nil {
			return err
		}
	}
}

// stopped tells of an import that begins, or has ended.
func (w *importWatcher) stopped() error {
	start := time.Now()
	defer func() { w.spent += time.Since(start) }()
	regs, err := w.c.p.Regs(w.c.p.PID())
	if err != nil {
		return err
	}
	if w.back == 0 {
		return w.begins(procmem.Addr(firstArgument(&regs)), procmem.Addr(secondArgument(&regs)),
			stackPointer(&regs))
	}
	if stackPointer(&regs) != w.back {
		return nil // of another call
	}
	w.back = 0
	w.late = w.late || w.spent > w.c.imports.Most+(time.Since(w.start)-w.spent)/2
	if err := w.c.AtRest(w.c.imports.Ended); err != nil {
		w.late = true // it cannot be read
	}
	if w.late {
		w.c.imports.Late()
		return w.c.p.ClearWatch(watchImport)
	}
	return w.c.p.SetWatch(watchImport, w.entry, tracer.WatchExecute)
}

// begins looks at code that is about to be executed. That of a module is of a file, and the
// script's own is no import.
func (w *importWatcher) begins(code, globals procmem.Addr, sp uint64) error {
	file := w.codes.str(code, w.codes.file)
	isFile := file != "" && !strings.HasPrefix(file, "<")
	if !isFile && (w.ready || file != "<string>") {
		return nil
	}
	told := false
	err := w.c.AtRest(func(h *pyheap.Heap) error {
		main := moduleName(h, globals) == "__main__"
		switch {
		case main && !w.ready: // of -c, or of what runs the script in turn
			w.begun = true
			return w.c.imports.Starts(h)
		case main || !isFile:
			return nil
		}
		told, w.ready = true, w.begun
		return w.c.imports.Begins(h)
	})
	if err != nil || !told {
		return nil // a state in which it cannot be read
	}
	var b [8]byte
	if _, err := w.c.p.ReadAt(b[:], procmem.Addr(sp)); err != nil {
		return err
	}
	w.back = sp + 8
	return w.c.p.SetWatch(watchImport, procmem.Addr(le.Uint64(b[:])), tracer.WatchExecute)
}
