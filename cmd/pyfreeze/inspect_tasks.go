package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pyfreeze/pyheap"
)

// shownTasks is what inspect tasks --json prints.
type shownTasks struct {
	Tasks      []shownTask     `json:"tasks"`
	Greenlets  []shownGreenlet `json:"greenlets,omitempty"`
	Generators []shownGreenlet `json:"generators,omitempty"` // with --generators
}

// shownTask is one task of asyncio.
type shownTask struct {
	Addr      string       `json:"addr"`
	Type      string       `json:"type"`
	Name      string       `json:"name,omitempty"`
	State     string       `json:"state"`
	Loop      string       `json:"loop,omitempty"`
	Frames    []shownFrame `json:"frames,omitempty"`     // of its coroutines, the newest last
	Awaits    *shownRef    `json:"awaits,omitempty"`     // what the innermost waits for
	Tasks     []string     `json:"tasks,omitempty"`      // the tasks among that, by name: itself, or what gather waits for
	AwaitedBy []string     `json:"awaited_by,omitempty"` // names of tasks

	addr, waits pyheap.Addr
}

// shownGreenlet is a greenlet or a generator that is not running.
type shownGreenlet struct {
	Addr   string       `json:"addr"`
	Type   string       `json:"type"`
	Frames []shownFrame `json:"frames,omitempty"` // the newest last
	Awaits *shownRef    `json:"awaits,omitempty"` // what a generator yields from
}

func newInspectTasks(f *inspectFlags) *cobra.Command {
	var noLocals, generators, all bool
	c := &cobra.Command{
		Use:   "tasks TARGET",
		Short: "Show asyncio's tasks with where they wait, and who awaits whom; greenlets",
		Long: `Show the tasks of asyncio: name, state, the coroutines that each is in with their lines and local
variables, the newest last, and what the innermost waits for: another task, a future, what
gather waits for. Tasks that nobody awaits come first, with those that they await below them.

Greenlets (also those of gevent and eventlet) that are switched out are shown with their frames;
with --generators also every suspended generator and coroutine.

From Python 3.14 on, and for greenlets and generators, the whole heap is walked.`,
		Example: `  pyfreeze inspect tasks 4711
  pyfreeze inspect tasks core.4711 --json --no-locals`,
		Args: targetArgs(1, 1, "one target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd, f, args[0], func(s *subject, p *progress) (any, func(io.Writer), error) {
				out, err := s.tasks(p, !noLocals, generators, all)
				if err != nil {
					return nil, nil, err
				}
				return out, out.write, nil
			})
		},
	}
	c.Flags().BoolVar(&noLocals, "no-locals", false, "leave out local variables")
	c.Flags().BoolVar(&generators, "generators", false, "suspended generators and coroutines, too (walks the heap)")
	c.Flags().BoolVar(&all, "all", false, "also tasks that have ended and are still referred to (walks the heap)")
	return c
}

func (s *subject) tasks(p *progress, locals, generators, all bool) (*shownTasks, error) {
	tasks, known := s.heap.Tasks()
	_, err := s.heap.Lookup("sys.modules['greenlet']")
	greenlets := err == nil
	out := &shownTasks{Tasks: []shownTask{}}
	src := s.sources()
	frames := func(list []pyheap.Frame) (out []shownFrame) {
		for i := range slices.Backward(list) {
			out = append(out, s.frame(&list[i], locals, src))
		}
		return out
	}
	if !known || greenlets || generators || all {
		w, err := s.walk(p)
		if err != nil {
			return nil, err
		}
		if !known || all {
			tasks = w.Tasks()
		}
		if greenlets {
			for _, g := range w.Greenlets() {
				out.Greenlets = append(out.Greenlets, shownGreenlet{Addr: hex(g.Addr), Type: g.TypeName, Frames: frames(g.Frames)})
			}
		}
		if generators {
			for _, a := range w.Generators() {
				if fr, _, ok := s.heap.FrameOf(a); ok {
					typ, _ := s.heap.TypeName(a) // it is a generator's
					g := shownGreenlet{Addr: hex(a), Type: typ, Frames: frames([]pyheap.Frame{fr})}
					if to, ok := s.heap.Awaits(a); ok {
						r := s.ref("", to)
						g.Awaits = &r
					}
					out.Generators = append(out.Generators, g)
				}
			}
		}
	}
	names := map[pyheap.Addr]string{}
	for _, t := range tasks {
		names[t.Addr] = t.Name
		if t.Name == "" {
			names[t.Addr] = hex(t.Addr)
		}
	}
	index := map[pyheap.Addr]int{}
	for _, t := range tasks {
		if t.State != "pending" && !all {
			continue
		}
		x := shownTask{Addr: hex(t.Addr), Type: t.TypeName, Name: t.Name, State: t.State, addr: t.Addr, waits: t.Waits}
		if t.Loop != 0 {
			x.Loop = hex(t.Loop)
		}
		for _, c := range t.Chain {
			if fr, _, ok := s.heap.FrameOf(c); ok {
				x.Frames = append(x.Frames, s.frame(&fr, locals, src))
			}
		}
		if t.Waits != 0 {
			r := s.ref("", t.Waits)
			x.Awaits = &r
		}
		index[t.Addr] = len(out.Tasks)
		out.Tasks = append(out.Tasks, x)
	}
	for i := range out.Tasks {
		t := &out.Tasks[i]
		for _, a := range append([]pyheap.Addr{t.waits}, s.heap.Children(t.waits)...) {
			name, ok := names[a]
			if !ok {
				continue
			}
			t.Tasks = append(t.Tasks, name)
			if j, shown := index[a]; shown && j != i {
				out.Tasks[j].AwaitedBy = append(out.Tasks[j].AwaitedBy, names[t.addr])
			}
		}
	}
	return out, nil
}

// write prints the tasks: under each those that it awaits, further to the right.
func (t *shownTasks) write(w io.Writer) {
	byName := map[string][]int{}
	for i := range t.Tasks {
		byName[t.Tasks[i].title()] = append(byName[t.Tasks[i].title()], i)
	}
	written := make([]bool, len(t.Tasks))
	first := true
	var write func(i, depth int)
	write = func(i, depth int) {
		if written[i] {
			return
		}
		written[i] = true
		if !first {
			fmt.Fprintln(w)
		}
		first = false
		t.Tasks[i].write(w, depth)
		for _, name := range t.Tasks[i].Tasks {
			for _, j := range byName[name] {
				write(j, min(depth+1, maxIndent))
			}
		}
	}
	for i := range t.Tasks {
		if len(t.Tasks[i].AwaitedBy) == 0 {
			write(i, 0)
		}
	}
	for i := range t.Tasks { // those that await each other in a circle
		write(i, 0)
	}
	if len(t.Tasks) == 0 && len(t.Greenlets) == 0 && len(t.Generators) == 0 {
		fmt.Fprintln(w, "no tasks of asyncio, and no greenlets")
	}
	others := func(what string, list []shownGreenlet) {
		for i := range list {
			if !first {
				fmt.Fprintln(w)
			}
			first = false
			fmt.Fprintf(w, "%s %s %s\n", what, list[i].Addr, printable(shortType(list[i].Type)))
			writeFrames(w, list[i].Frames, "")
			if r := list[i].Awaits; r != nil {
				fmt.Fprintf(w, "  yields from %s %s\n", r.Addr, cut(printable(r.Repr), lineWidth))
			}
		}
	}
	others("Greenlet", t.Greenlets)
	others("Suspended", t.Generators)
}

// maxIndent is how deep tasks are shown below each other.
const maxIndent = 8

// title is how other tasks name it.
func (x *shownTask) title() string {
	if x.Name == "" {
		return x.Addr
	}
	return x.Name
}

func (x *shownTask) write(w io.Writer, depth int) {
	pad := strings.Repeat("    ", depth)
	s := fmt.Sprintf("%sTask %q, %s", pad, x.title(), x.State)
	if len(x.AwaitedBy) > 0 {
		s += fmt.Sprintf(", awaited by %q", x.AwaitedBy)
	}
	fmt.Fprintln(w, printable(s))
	writeFrames(w, x.Frames, pad)
	switch {
	case len(x.Tasks) > 0:
		fmt.Fprintln(w, printable(fmt.Sprintf("%s  awaits %q", pad, x.Tasks)))
	case x.Awaits != nil:
		fmt.Fprintf(w, "%s  awaits %s %s\n", pad, x.Awaits.Addr, cut(printable(x.Awaits.Repr), lineWidth))
	}
}
