package snapshot

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/stub"
)

// placeAt is a place in a stack, at one instruction of a line that begins at another.
func placeAt(file, name string, first int, at, start int64, exact bool) Place {
	return Place{File: file, Name: name, First: first, Line: first + 1, at: at, start: start, exact: exact}
}

// TestCandidates has the spots before a stack, the latest first.
func TestCandidates(t *testing.T) {
	main := placeAt("/m.py", "<module>", 1, 100, 90, true)
	run := placeAt("/m.py", "run", 10, 20, 20, true)
	inexact := placeAt("/n.py", "call", 5, 30, 10, false)
	first := placeAt("/n.py", "start", 50, 4, 0, true)
	importer := placeAt("<frozen importlib._bootstrap>", "_load", 7, 8, 2, true)
	logging := placeAt("/lib/logging.py", "emit", 3, 40, 30, true)
	again := func(at int64) Place { return placeAt("/m.py", "again", 20, at, at, true) }
	for name, c := range map[string]struct {
		stack []Place
		forks []string
		want  []string
	}{
		"a module": {[]Place{main}, nil, []string{"line 90 <module>/1", "at 100 <module>/1", "begin <module>/1"}},
		"where a line begins": {[]Place{run, main}, nil, []string{"line 20 run/2", "begin run/2",
			"line 90 <module>/1", "at 100 <module>/1", "begin <module>/1"}},
		"within a call": {[]Place{inexact, main}, nil, []string{"line 10 call/2", "begin call/2",
			"line 90 <module>/1", "at 100 <module>/1", "begin <module>/1"}},
		"in the first line": {[]Place{first}, nil, []string{"begin start/1", "at 4 start/1"}},
		"while importing": {[]Place{importer, main}, nil,
			[]string{"line 90 <module>/1", "at 100 <module>/1", "begin <module>/1"}},
		"a recursion": {[]Place{run, again(8), again(6), main}, nil, []string{"line 20 run/4", "begin run/4",
			"line 90 <module>/1", "at 100 <module>/1", "begin <module>/1"}},
		"what a fork resets": {[]Place{run, logging, main}, []string{"/lib/logging.py"},
			[]string{"line 90 <module>/1", "at 100 <module>/1", "begin <module>/1"}},
		"above what a fork resets": {[]Place{run, logging}, []string{"/lib/logging.py"}, // no other is left
			[]string{"line 20 run/2", "begin run/2", "line 30 emit/1", "at 40 emit/1", "begin emit/1"}},
		"no file": {[]Place{{Name: "f", at: 4, start: 2}}, nil, nil},
		"nothing": {nil, nil, []string{"after", "before"}},
	} {
		forks := map[string]bool{}
		for _, f := range c.forks {
			forks[f] = true
		}
		before := slices.Clone(c.stack)
		var got []string
		for _, s := range candidates("reads", c.stack, forks) {
			if s.What != "reads" {
				t.Errorf("%s: before it %q", name, s.What)
			}
			switch {
			case s.after || s.before:
				got = append(got, map[bool]string{true: "after", false: "before"}[s.after])
				continue
			case s.End():
				t.Errorf("%s: %v is the end", name, s)
				continue
			}
			p, how := s.Stack[0], fmt.Sprintf("at %d", s.Stack[0].at)
			switch {
			case s.begin:
				how = "begin"
			case p.at == p.start:
				how = fmt.Sprintf("line %d", p.at)
			}
			got = append(got, fmt.Sprintf("%s %s/%d", how, p.Name, len(s.Stack)))
			if text := s.String(); !strings.Contains(text, p.File) || !strings.Contains(text, p.Name) {
				t.Errorf("%s: the spot is told as %q", name, text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if !slices.Equal(before, c.stack) {
			t.Errorf("%s: the stack was changed", name)
		}
	}
	if s := (&Spot{}); !s.End() || s.String() != "the end of the program" {
		t.Errorf("the end is told as %v", s)
	}
}

// TestWrapperChanges compares what a wrapper was started with and what it executes the interpreter
// with, of real processes.
func TestWrapperChanges(t *testing.T) {
	of := func(program string) before {
		t.Helper()
		p := target.Talk(t, target.Debian, "import os, resource, signal, sys\n"+program+"\nprint('ready')\nsys.stdin.readline()")
		p.Reading()
		return readBefore(p.PID())
	}
	first := of("pass")
	// Each process of the test has pipes of its own.
	same := func(b before) *before {
		b.streams = first.streams
		for what := range b.state.Fixed {
			if strings.HasPrefix(what, "its standard ") {
				b.state.Fixed[what] = first.state.Fixed[what]
			}
		}
		return &b
	}
	for program, want := range map[string]string{
		"pass":         "",
		"os.umask(63)": "sets the umask", "os.nice(3)": "sets the priority",
		"resource.setrlimit(resource.RLIMIT_CORE, (0, 0))": "sets limits",
		"signal.signal(signal.SIGHUP, signal.SIG_IGN)":     "ignores signals",
		"os.chdir('/')": "", // a wrapper may
		"import ctypes; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)": "changes its rights",
		"os.sched_setaffinity(0, {0})":                           "changes its rights",
	} {
		if program == "os.sched_setaffinity(0, {0})" && strings.Count(cpus(t), ",")+strings.Count(cpus(t), "-") == 0 {
			continue // there is but one
		}
		now := of(program)
		if got := first.changes(same(now)); got != want {
			t.Errorf("%s: it %q, want %q", program, got, want)
		}
		if got := (&before{}).changes(&now); got != "" {
			t.Errorf("what is not known: it %q", got)
		}
	}
	other := first
	other.streams[1] = "/tmp/out"
	if got := first.changes(&other); got != "redirects its streams" {
		t.Errorf("of other streams: it %q", got)
	}
	if gone := readBefore(1 << 22); gone.known {
		t.Errorf("of a process that is not there: %+v", gone)
	}
}

// cpus are the processors of this process, as the kernel lists them.
func cpus(t *testing.T) string {
	t.Helper()
	st, err := status(fmt.Sprint(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	return st["Cpus_allowed_list"]
}

// TestBaseIsFree: the stub's region lies where nothing is, and nowhere where there is no room.
func TestBaseIsFree(t *testing.T) {
	free, err := chooseBase(nil)
	if err != nil {
		t.Fatal(err)
	}
	taken := func(ranges ...procmem.Range) (out []procmem.Mapping) {
		for _, r := range ranges {
			out = append(out, procmem.Mapping{Range: r})
		}
		return out
	}
	for name, r := range map[string]procmem.Range{
		"one byte at its start": {Start: free, End: free + 1},
		"its last page":         {Start: free + stub.Region - 4096, End: free + stub.Region},
		"all around it":         {Start: free - 1<<20, End: free + stub.Region + 1<<20},
	} {
		at, err := chooseBase(taken(r))
		if err != nil || at < r.End && at+stub.Region > r.Start {
			t.Errorf("%s is taken: %v, %v", name, at, err)
		}
	}
	for name, r := range map[string]procmem.Range{
		"what ends there":   {Start: free - 4096, End: free},
		"what begins there": {Start: free + stub.Region, End: free + stub.Region + 1},
	} {
		if at, err := chooseBase(taken(r)); at != free || err != nil {
			t.Errorf("%s is no obstacle: %v, %v", name, at, err)
		}
	}
	if at, err := chooseBase(taken(procmem.Range{Start: 0, End: 1 << 47})); err == nil {
		t.Errorf("in a full address space there is room at %v", at)
	}
}
