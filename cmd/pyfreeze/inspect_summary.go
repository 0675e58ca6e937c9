package main

import (
	"io"
	"strings"
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
	Lacks       string            `json:"lacks,omitempty"` // what else a core file lacks
	Signal      *shownSignal      `json:"signal,omitempty"`
	Python      string            `json:"python"`
	Exe         string            `json:"exe"`
	Library     string            `json:"library,omitempty"`
	BuildID     string            `json:"build_id"`
	Layouts     string            `json:"layouts"` // where the C structs are known from
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
	Damage      int               `json:"damage"`             // how many problems the heap has
	Problems    []pyheap.Problem  `json:"problems,omitempty"` // the first of them
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
garbage collector, and what its memory holds, the types with most bytes first. Damage is told of
where there is any: objects that overlap or whose type, length or memory cannot be.`,
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
		Unsettled: s.unsettled, Missing: s.missing, Lacks: s.lacks, Signal: shownSignalOf(s.signal), Python: s.in.Version.String(), Layouts: s.lay.Source, Exe: s.in.Exe,
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
	i.Problems, i.Damage = w.Problems()
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
