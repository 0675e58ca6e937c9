package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// shownThread is one thread, as --json prints it.
type shownThread struct {
	Tid    int          `json:"tid,omitempty"` // of the kernel; absent when not known
	Native string       `json:"native_name,omitempty"`
	State  string       `json:"state,omitempty"` // a letter of proc(5)
	Python bool         `json:"python"`          // it has a thread state
	Name   string       `json:"name,omitempty"`  // threading's
	Ident  uint64       `json:"ident,omitempty"` // threading.get_ident()
	Tstate string       `json:"tstate,omitempty"`
	Interp string       `json:"interpreter,omitempty"`
	Sub    bool         `json:"sub_interpreter,omitempty"`
	Main   bool         `json:"main,omitempty"`
	Daemon *bool        `json:"daemon,omitempty"`
	GIL    bool         `json:"holds_gil,omitempty"`
	Signal *shownSignal `json:"signal,omitempty"` // that ended the process, of a core file
	Frames []shownFrame `json:"frames,omitempty"` // the newest last
	Waits  *shownLock   `json:"waits,omitempty"`  // what it waits for, without its waiters
	OfGIL  bool         `json:"waits_for_gil,omitempty"`
	Call   *shownCall   `json:"call,omitempty"`  // the system call that it is in
	Error  string       `json:"error,omitempty"` // why frames are missing

	Exceptions []*shownException `json:"exceptions,omitempty"` // that it handles, the innermost first: with --exception
}

// shownSignal is the signal that a process was ended by, as --json prints it.
type shownSignal struct {
	Tid    int    `json:"tid"`
	Number int    `json:"number"`
	Name   string `json:"name"`
	Code   int32  `json:"code,omitempty"`    // si_code
	Addr   string `json:"address,omitempty"` // of a fault
	Sender int    `json:"sender,omitempty"`  // the process that sent it
	text   string
}

func shownSignalOf(c *procmem.CoreSignal) *shownSignal {
	if c == nil {
		return nil
	}
	x := &shownSignal{Tid: c.Tid, Number: c.Number, Name: c.Name(), Code: c.Code, Sender: c.Sender, text: c.String()}
	if c.Fault() {
		x.Addr = hex(c.Addr)
	}
	return x
}

// shownFrame is one activation of Python code.
type shownFrame struct {
	Addr     string     `json:"addr"`
	Code     string     `json:"code"`
	Function string     `json:"function"`
	File     string     `json:"file"`
	Line     int        `json:"line"`
	Source   string     `json:"source,omitempty"`
	Locals   []shownRef `json:"locals,omitempty"`
}

func newInspectThreads(f *inspectFlags) *cobra.Command {
	var noLocals, exception bool
	c := &cobra.Command{
		Use:   "threads TARGET",
		Short: "Show every thread with its Python stack and local variables",
		Long: `Show every thread: its ids, its name, whether it is the main thread, a daemon, holds the GIL, and
its Python frames with their local variables, the newest last as in a traceback. A thread that no
Python code has run in is shown as native.

Under its frames, what a thread waits for: the lock, queue, Event or thread, and who holds it
("inspect locks" has all of them, with their paths); the GIL; or the system call that it is in, with its
descriptor.

Of a core file, the thread that got the signal which ended the process is marked with it.

Of an image, the frames of the main thread are those that the freeze found; a thaw abandons them.

Source lines are shown where the .py file is still there and has not changed since the target was started
(a process) or taken (a core file, an image).`,
		Example: `  pyfreeze inspect threads 4711
  pyfreeze inspect threads core.4711 --no-locals
  pyfreeze inspect threads 4711 --exception`,
		Args: targetArgs(1, 1, "one target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd, f, args[0], func(s *subject, _ *progress) (any, func(io.Writer), error) {
				threads, err := s.threads(!noLocals, exception)
				if err != nil {
					return nil, nil, err
				}
				return map[string]any{"threads": threads}, func(w io.Writer) {
					for i := range threads {
						if i > 0 {
							fmt.Fprintln(w)
						}
						threads[i].write(w)
					}
				}, nil
			})
		},
	}
	c.Flags().BoolVar(&exception, "exception", false, "the exceptions that each handles or raises, with tracebacks, notes and causes")
	c.Flags().BoolVar(&noLocals, "no-locals", false, "leave out local variables")
	return c
}

// threads gives all threads, the main one first.
func (s *subject) threads(locals, exception bool) ([]shownThread, error) {
	list, err := s.heap.Threads()
	if err != nil {
		return nil, err
	}
	st, err := s.heap.State()
	if err != nil {
		return nil, err
	}
	names := s.heap.ThreadObjects()
	out := []shownThread{}
	src := s.sources()
	interps, err := s.heap.Interpreters() // the main one is last
	if err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	for _, t := range list {
		x := shownThread{Tid: s.tidOf(t), Python: true, Ident: t.ThreadID, Tstate: hex(t.Addr), Interp: hex(t.Interp),
			Main: t.IsMain, Sub: t.Interp != interps[len(interps)-1], GIL: st.GILLocked && t.Addr == st.GILHolder}
		seen[x.Tid] = true
		x.fromNative(s.native)
		if o, ok := names[t.ThreadID]; ok {
			x.Name, x.Daemon = o.Name, o.Daemon
		}
		frames, err := s.heap.Frames(t.Addr)
		if err != nil {
			x.Error = err.Error()
		}
		for _, fr := range slices.Backward(frames) {
			x.Frames = append(x.Frames, s.frame(&fr, locals, src))
		}
		if exception {
			x.Exceptions = s.handled(t.Addr, locals, src)
		}
		out = append(out, x)
	}
	for _, n := range s.native {
		if !seen[n.tid] {
			out = append(out, shownThread{Tid: n.tid, Native: n.name, State: n.state})
		}
	}
	if s.signal != nil {
		for i := range out {
			if out[i].Tid == s.signal.Tid {
				out[i].Signal = shownSignalOf(s.signal)
			}
		}
	}
	if err := s.addWaits(out); err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b shownThread) int {
		if a.Main != b.Main {
			if a.Main {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Tid, b.Tid)
	})
	return out, nil
}

// addWaits tells of threads what they wait for.
func (s *subject) addWaits(out []shownThread) error {
	threads, err := s.lockThreads()
	if err != nil {
		return err
	}
	report, err := s.heap.ThreadLocks(threads)
	if err != nil {
		return err
	}
	party := s.parties(threads)
	waits := map[uint64]*shownLock{}
	for i := range report.Uses {
		for _, w := range report.Uses[i].Waiters {
			l := s.lock(&report.Uses[i], "", party)
			l.Waiters, l.Method = nil, w.Method
			waits[w.Thread] = &l
		}
	}
	for i := range out {
		x := &out[i]
		if x.Python {
			x.Waits, x.OfGIL = waits[x.Ident], slices.Contains(report.GIL, x.Ident)
		}
		for j := range s.native {
			if n := &s.native[j]; n.tid == x.Tid && x.Tid != 0 && x.Waits == nil && !x.OfGIL {
				x.Call = s.call(n)
			}
		}
	}
	return nil
}

func (x *shownThread) fromNative(native []nativeThread) {
	for _, n := range native {
		if n.tid == x.Tid {
			x.Native, x.State = n.name, n.state
		}
	}
}

func (s *subject) frame(fr *pyheap.Frame, locals bool, src *sources) shownFrame {
	x := shownFrame{Addr: hex(fr.Addr), Code: hex(fr.Code), Function: fr.Qualname, File: fr.File, Line: fr.Line}
	x.Source = src.line(fr.File, fr.Line)
	if locals {
		for _, l := range fr.Locals {
			x.Locals = append(x.Locals, s.ref(l.Name, l.Value))
		}
	}
	return x
}
