package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"pyfreeze/pyheap"
)

// write prints a summary in two columns, then the types.
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
	row("", "C structs known from %s", i.Layouts)
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
	if i.Signal != nil {
		row("signal", "%s, which thread %d got", i.Signal.text, i.Signal.Tid)
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
	const shown = 10
	for n, p := range i.Problems[:min(len(i.Problems), shown)] {
		k := ""
		if n == 0 {
			k = fmt.Sprintf("damage %d", i.Damage)
		}
		row(k, "%v", p)
	}
	if i.Damage > shown {
		row("", "and %d more (--json has up to 1000)", i.Damage-shown)
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
