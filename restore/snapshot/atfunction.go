package snapshot

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/tracer"
)

// functionSeeker finds the code of a function, and stops the main thread when it is first called.
//
// A module is executed by PyEval_EvalCode, which gets its code object: among its constants, and theirs, is the code of every
// function that it defines, whatever decorators make of it later. A name that another module defines is looked up when
// the module has been executed. The processor stops the thread when it reads the first instruction of the code.
type functionSeeker struct {
	c       *Command
	at      At
	path    []string // names that lead to the function
	codes   *codeReader
	watched []procmem.Addr // code objects whose first instruction is watched
	back    uint64         // stack pointer once the module's code has returned; 0: not awaited
	defined []string       // what the module itself defines
	others  []string       // files that define a function of that name
}

func (c *Command) toFunction(ctx context.Context, at At) error {
	codes, err := newCodeReader(c.lay, c.live)
	if err != nil {
		return err
	}
	s := &functionSeeker{c: c, at: at, codes: codes}
	for _, name := range strings.Split(at.function, ".") {
		if name != "<locals>" {
			s.path = append(s.path, name)
		}
	}
	if err := c.p.SetWatch(watchCode, c.evalCode(), tracer.WatchExecute); err != nil {
		return err
	}
	for {
		ev, err := c.proceed(ctx, fmt.Sprintf("never called %v on its main thread", at))
		if err != nil {
			return s.explain(err)
		}
		if ev.Exec {
			return &CommandEndedError{Command: c.name, Missed: "executed another program"}
		}
		if ev.Hit[watchFirst] || ev.Hit[watchEntry] && len(s.watched) > 1 {
			if called, err := s.called(); err != nil || called {
				return err
			}
		}
		if ev.Hit[watchBack] {
			err = s.executed()
		}
		if err == nil && ev.Hit[watchCode] {
			err = s.executing()
		}
		if err != nil {
			return err
		}
	}
}

// called says whether the main thread is in the eval loop, rather than in some other reader of
// code, and runs a watched function.
func (s *functionSeeker) called() (bool, error) {
	regs, err := s.c.p.Regs(s.c.p.PID())
	if err != nil {
		return false, err
	}
	if !s.c.inEvalLoop(regs.Rip) {
		return false, nil
	}
	if s.codes.instructionsInObject {
		return true, nil
	}
	code, err := s.running()
	return slices.Contains(s.watched, code), err
}

// running returns the code object of the newest frame. Until 3.10 functions may share their
// instructions, where these are the same.
func (s *functionSeeker) running() (procmem.Addr, error) {
	sr, err := pyheap.NewStateReader(s.c.in, s.c.lay)
	if err != nil {
		return 0, err
	}
	st, err := sr.Read(s.c.live)
	if err != nil {
		return 0, err
	}
	at := st.GILHolder // the thread state of the main thread, which runs
	for _, f := range []struct{ typ, field string }{
		{"PyThreadState", "frame"}, {"PyFrameObject", "f_code"},
	} {
		field, err := s.c.lay.Field(f.typ, f.field)
		if err != nil {
			return 0, err
		}
		if at, err = s.codes.word(at + procmem.Addr(field.Offset)); err != nil {
			return 0, err
		}
	}
	return at, nil
}

// executing looks at the code that is about to be executed.
func (s *functionSeeker) executing() error {
	const mostOthers = 20
	regs, err := s.c.p.Regs(s.c.p.PID())
	if err != nil {
		return err
	}
	code, globals := procmem.Addr(firstArgument(&regs)), procmem.Addr(secondArgument(&regs))
	found := s.codes.find(code, s.path)
	file := s.codes.str(code, s.codes.file)
	if !s.isFile(file) { // reading the heap takes as long as many imports
		if len(found) > 0 && len(s.others) < mostOthers {
			s.others = append(s.others, fmt.Sprintf("%s:%s", stem(file), s.at.function))
		}
		return nil
	}
	h, done, err := s.c.heap()
	if err != nil {
		return nil // a state in which it cannot be read; there are more modules
	}
	defer done()
	if name := moduleName(h, globals); name != s.at.module {
		if len(found) > 0 && len(s.others) < mostOthers {
			s.others = append(s.others, fmt.Sprintf("%s:%s", name, s.at.function))
		}
		return nil
	}
	if len(found) > 0 {
		return s.watch(found)
	}
	s.defined = s.codes.functions(code)
	return s.awaitReturn()
}

// isFile says whether the module that is looked for could have this file. __main__ has that of a
// word of the command line: the script, a module, the __main__.py of a folder or archive, or
// none.
func (s *functionSeeker) isFile(file string) bool {
	if s.at.module != "__main__" {
		return stem(file) == s.at.module[strings.LastIndexByte(s.at.module, '.')+1:]
	}
	base := path.Base(file)
	if base == "__main__.py" || base == "<string>" {
		return true
	}
	return slices.ContainsFunc(s.c.start.Argv, func(word string) bool {
		return path.Base(word) == base || word[strings.LastIndexByte(word, '.')+1:]+".py" == base
	})
}

// stem returns the last part of the name of a module by its file.
func stem(file string) string {
	base := path.Base(file)
	if base == "__init__.py" {
		return path.Base(path.Dir(file))
	}
	return strings.TrimSuffix(base, ".py")
}

// watch sets the watches of the first instructions of code objects, of which there is more than one where a name is defined twice.
func (s *functionSeeker) watch(codes []procmem.Addr) error {
	for i, n := range []int{watchFirst, watchEntry} {
		if i >= len(codes) {
			break
		}
		first, err := s.codes.firstInstruction(codes[i])
		if err != nil {
			return err
		}
		if err := s.c.p.SetWatch(n, first, tracer.WatchAccess); err != nil {
			return err
		}
		s.watched = append(s.watched, codes[i])
	}
	return nil
}

// awaitReturn has the thread stop where the function that it has just entered returns.
func (s *functionSeeker) awaitReturn() error {
	regs, err := s.c.p.Regs(s.c.p.PID())
	if err != nil {
		return err
	}
	var b [8]byte
	if _, err := s.c.p.ReadAt(b[:], procmem.Addr(stackPointer(&regs))); err != nil {
		return err
	}
	s.back = stackPointer(&regs) + 8
	return s.c.p.SetWatch(watchBack, procmem.Addr(le.Uint64(b[:])), tracer.WatchExecute)
}

// executed looks the name up, now that the module has been executed.
func (s *functionSeeker) executed() error {
	regs, err := s.c.p.Regs(s.c.p.PID())
	if err != nil || stackPointer(&regs) != s.back {
		return err // of an inner call
	}
	if err := s.c.p.ClearWatch(watchBack); err != nil {
		return err
	}
	h, done, err := s.c.heap()
	if err != nil {
		return nil
	}
	defer done()
	obj, err := h.Lookup(s.at.module + "." + s.at.function)
	if err != nil {
		return nil
	}
	if code, ok := codeOf(h, obj); ok {
		return s.watch([]procmem.Addr{code})
	}
	return nil
}

// codeOf returns the code of a function, or of what is wrapped around one.
func codeOf(h *pyheap.Heap, obj pyheap.Addr) (procmem.Addr, bool) {
	const deepest = 8
	for range deepest {
		if code, err := h.CField(obj, "func_code"); err == nil {
			return procmem.Addr(code), true
		}
		if inner, err := h.CField(obj, "im_func"); err == nil {
			obj = pyheap.Addr(inner)
			continue
		}
		next := pyheap.Addr(0)
		for _, name := range []string{"__wrapped__", "callback", "func", "__func__"} { // functools, click, partial, methods
			if inner, err := h.Attr(obj, name); err == nil {
				next = inner
				break
			}
		}
		if next == 0 {
			return 0, false
		}
		obj = next
	}
	return 0, false
}

// explain adds what was close to a function that was never called.
func (s *functionSeeker) explain(err error) error {
	e, ok := err.(*CommandEndedError)
	if !ok || len(s.watched) > 0 {
		return err
	}
	last := strings.ToLower(s.path[len(s.path)-1])
	for _, name := range s.defined {
		n := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
		if strings.Contains(n, last) || strings.Contains(last, n) || len(s.defined) <= 8 {
			e.Close = append(e.Close, s.at.module+":"+name)
		}
	}
	e.Close = append(e.Close, s.others...)
	slices.Sort(e.Close)
	e.Close = slices.Compact(e.Close)
	e.Close = e.Close[:min(len(e.Close), 8)]
	return e
}

// moduleName returns __name__ of a namespace, "" where it has none.
func moduleName(h *pyheap.Heap, globals procmem.Addr) string {
	items, err := h.DictItems(globals, -1)
	if err != nil {
		return ""
	}
	for _, it := range items {
		if key, err := h.Str(it.Key); err == nil && key == "__name__" {
			name, _ := h.Str(it.Value)
			return name
		}
	}
	return ""
}
