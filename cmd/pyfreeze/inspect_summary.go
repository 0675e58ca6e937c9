package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pyfreeze/pyheap"
)

// summaryInfo is what inspect summary --json prints.
type summaryInfo struct {
	Kind        string            `json:"kind"`
	Target      string            `json:"target"`
	PID         int               `json:"pid,omitempty"`
	Args        []string          `json:"args,omitempty"`
	Cwd         string            `json:"cwd,omitempty"`
	Captured    *time.Time        `json:"captured,omitempty"`
	Stopped     time.Duration     `json:"stopped_ns,omitempty"`
	Unsettled   string            `json:"unsettled,omitempty"`
	Missing     []string          `json:"missing_files,omitempty"`
	Python      string            `json:"python"`
	Exe         string            `json:"exe"`
	Library     string            `json:"library,omitempty"`
	BuildID     string            `json:"build_id"`
	Interps     int               `json:"interpreters"`
	Threads     []threadBrief     `json:"threads"`
	GILHolder   int               `json:"gil_holder,omitempty"`
	GILLocked   bool              `json:"gil_locked"`
	Finalizing  bool              `json:"finalizing"`
	GC          pyheap.GC         `json:"gc"`
	Modules     int               `json:"modules"`
	ModuleKinds map[string]int    `json:"module_kinds"`
	Objects     int               `json:"objects"`
	Bytes       uint64            `json:"bytes"`
	Pymalloc    pyheap.Usage      `json:"pymalloc"`
	Malloc      pyheap.Usage      `json:"malloc"`
	Memory      map[string]uint64 `json:"memory"`
	Types       []typeRow         `json:"types"`
}

// threadBrief is a native thread in a summary.
type threadBrief struct {
	Tid    int    `json:"tid"`
	Name   string `json:"name,omitempty"`
	State  string `json:"state,omitempty"`
	Python bool   `json:"python"`
}

func newInspectSummary(f *inspectFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "summary TARGET",
		Short: "Show what a target is, and what its memory holds",
		Long: `Show what a target is: its interpreter, command, threads, the state of the GIL and of the
garbage collector, and what its memory holds, the types with most bytes first.`,
		Example: `  pyfreeze inspect summary 4711
  pyfreeze inspect summary ./core --json`,
		Args: targetArgs(1, 1, "one target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd, f, args[0], func(s *subject, p *progress) (any, func(io.Writer), error) {
				info, err := s.summary(p)
				if err != nil {
					return nil, nil, err
				}
				return info, info.write, nil
			})
		},
	}
}

func (s *subject) summary(p *progress) (*summaryInfo, error) {
	i := &summaryInfo{Kind: s.kind, Target: s.target, PID: s.pid, Args: s.args, Cwd: s.cwd, Stopped: s.stopped,
		Unsettled: s.unsettled, Missing: s.missing, Python: s.in.Version.String(), Exe: s.in.Exe,
		BuildID: s.in.Module.File.BuildID(), GC: s.heap.GC(), ModuleKinds: map[string]int{}, Memory: s.memory()}
	if !s.in.Static {
		i.Library = s.in.Module.Path
	}
	if s.meta != nil {
		i.Captured, i.Stopped = &s.meta.Created, s.meta.Stopped
	}
	interps, err := s.heap.Interpreters()
	if err != nil {
		return nil, err
	}
	i.Interps = len(interps)
	st, err := s.heap.State()
	if err != nil {
		return nil, err
	}
	i.GILLocked, i.Finalizing = st.GILLocked, st.Finalizing
	threads, err := s.heap.Threads()
	if err != nil {
		return nil, err
	}
	isPython := map[int]bool{}
	for _, t := range threads {
		tid := s.tidOf(t)
		isPython[tid] = true
		if st.GILLocked && t.Addr == st.GILHolder {
			i.GILHolder = tid
		}
	}
	for _, n := range s.native {
		i.Threads = append(i.Threads, threadBrief{n.tid, n.name, n.state, isPython[n.tid]})
	}
	mods, err := s.heap.Modules()
	if err != nil {
		return nil, err
	}
	i.Modules = len(mods)
	for _, m := range mods {
		i.ModuleKinds[string(m.Kind)]++
	}
	w, err := s.walk(p)
	if err != nil {
		return nil, err
	}
	i.Objects = w.Objects()
	i.Pymalloc, i.Malloc = s.heap.AllocatorUsage()
	rows := typeRows(w.ByType(), "bytes", "")
	for _, r := range rows {
		i.Bytes += r.Bytes
	}
	i.Types = rows[:min(10, len(rows))]
	return i, nil
}

// tidOf gives the kernel's id of a Python thread: until 3.10 Python does not keep it, but thread_id is
// then the thread pointer.
func (s *subject) tidOf(t pyheap.Thread) int {
	for _, n := range s.native {
		if n.regs.Fs_base == t.ThreadID {
			return n.tid
		}
	}
	return int(t.NativeID)
}

// memory sums up the known memory by kind, in bytes.
func (s *subject) memory() map[string]uint64 {
	out := map[string]uint64{}
	for _, seg := range s.space.Segments() {
		kind := "anonymous"
		switch {
		case seg.Shared:
			kind = "shared"
		case seg.Path == "[heap]", strings.HasPrefix(seg.Path, "[stack"):
			kind = strings.Trim(seg.Path, "[]")
		case strings.HasPrefix(seg.Path, "[") && seg.Path != "[anon]":
			kind = "kernel"
		case seg.Path != "" && seg.Write:
			kind = "data of files"
		case seg.Path != "":
			kind = "code and read-only data of files"
		}
		out[kind] += uint64(len(seg.Data))
	}
	return out
}

func (i *summaryInfo) write(out io.Writer) {
	tw := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(k, format string, a ...any) {
		fmt.Fprintf(tw, "%s\t%s\n", k, printable(fmt.Sprintf(format, a...)))
	}
	what := fmt.Sprintf("%s %s", i.Kind, i.Target)
	if i.Kind != "process" && i.PID != 0 {
		what += fmt.Sprintf(", of process %d", i.PID)
	}
	row("target", "%s", what)
	if i.Captured != nil {
		row("captured", "%s", i.Captured.Format(time.RFC3339))
	}
	row("python", "CPython %s, %s", i.Python, i.Exe)
	if i.Library != "" {
		row("", "%s", i.Library)
	}
	row("", "build-id %s", i.BuildID)
	if len(i.Args) > 0 {
		row("command", "%q", i.Args)
	}
	if i.Cwd != "" {
		row("directory", "%s", i.Cwd)
	}
	if i.Interps > 1 {
		row("interpreters", "%d", i.Interps)
	}
	for n, t := range i.Threads {
		k := ""
		if n == 0 {
			k = fmt.Sprintf("threads %d", len(i.Threads))
		}
		row(k, "%s", t.describe(i.GILHolder))
	}
	switch {
	case i.GILLocked && i.GILHolder != 0:
		row("GIL", "held by thread %d", i.GILHolder)
	case i.GILLocked:
		row("GIL", "held by a thread that is not to be found")
	default:
		row("GIL", "free")
	}
	if i.Finalizing {
		row("", "the interpreter is shutting down")
	}
	row("collector", "%s", describeGC(i.GC))
	row("modules", "%d (%s)", i.Modules, counts(i.ModuleKinds))
	row("objects", "%d, %s", i.Objects, size(i.Bytes))
	row("pymalloc", "%s in %d blocks", size(i.Pymalloc.Bytes), i.Pymalloc.Blocks)
	row("malloc", "%s in %d blocks", size(i.Malloc.Bytes), i.Malloc.Blocks)
	first := "memory"
	for _, k := range []string{"anonymous", "heap", "stack", "data of files", "code and read-only data of files", "shared", "kernel"} {
		if i.Memory[k] > 0 {
			row(first, "%s %s", size(i.Memory[k]), k)
			first = ""
		}
	}
	for n, m := range i.Missing {
		k := ""
		if n == 0 {
			k = "missing"
		}
		row(k, "memory of %s: not here, or another one", m)
	}
	_ = tw.Flush() // out keeps the error
	fmt.Fprintln(out)
	writeTypes(out, i.Types)
}

func (t threadBrief) describe(holder int) string {
	s := fmt.Sprintf("%d", t.Tid)
	if t.Name != "" {
		s += " " + t.Name
	}
	if n := stateNames[t.State]; n != "" {
		s += ", " + n
	}
	if !t.Python {
		s += ", no Python thread"
	}
	if holder != 0 && t.Tid == holder {
		s += ", holds the GIL"
	}
	return s
}

// stateNames are the states of proc(5).
var stateNames = map[string]string{"R": "running", "S": "sleeping", "D": "in an uninterruptible wait", "T": "stopped",
	"t": "stopped by a debugger", "Z": "ended", "I": "idle"}

func describeGC(g pyheap.GC) string {
	s := "off"
	if g.Enabled {
		s = "on"
	}
	if g.Collecting {
		s += ", collecting"
	}
	for n, gen := range g.Generations {
		sep := ", "
		if n == 0 {
			sep = "; counts "
		}
		s += fmt.Sprintf("%s%d of %d", sep, gen.Count, gen.Threshold)
	}
	return s
}

// counts writes numbers of things, in the order of their names.
func counts(m map[string]int) string {
	var parts []string
	for _, k := range sortedKeys(m) {
		parts = append(parts, fmt.Sprintf("%d %s", m[k], k))
	}
	return strings.Join(parts, ", ")
}
