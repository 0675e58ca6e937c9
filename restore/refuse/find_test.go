package refuse

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/libs"
	"pyfreeze/restore/memory"
	"pyfreeze/restore/snapshot"
)

// frozen is a copy of a program that waits for its input, as a freeze would look at it.
type frozen struct {
	*Target
	c    *snapshot.Copy
	list []*libs.Library
}

// again is the use of an image whose program runs again; goesOn of one that goes on with all its
// threads, as a process that ran already does.
var again, goesOn = Use{Again: true}, Use{Threads: true}

// before is what all programs begin with, behind is what they end with. What is to be kept when the
// program runs again is held by a module other than __main__.
const (
	before = "import json, os, sys, threading, time\njson.held = []\nhold = json.held.append\n"
	behind = "\nprint('ready', flush=True)\nsys.stdin.readline()\nos._exit(0)"
)

// freeze starts a program and copies it.
func freeze(t *testing.T, program string) *frozen {
	t.Helper()
	return copyOf(t, target.Talk(t, target.Debian, before+program+behind))
}

// copyOf copies a process.
func copyOf(t *testing.T, p *target.Process) *frozen {
	t.Helper()
	tg, c := captured(t, p)
	h, err := pyheap.Open(c.Space, c.Interp, c.Layout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(); _ = c.Space.Close(); tg.Close() })
	w, err := h.Walk(pyheap.WalkOptions{Stacks: []pyheap.Addr{pyheap.Addr(c.Threads[0].Regs.Rsp)}})
	if err != nil {
		t.Fatal(err)
	}
	target, err := NewTarget(h, w, c.Space, c.Layout, c.Interp.Bias)
	if err != nil {
		t.Fatal(err)
	}
	list, err := libs.Load(c.Maps, c.Space, c.Interp.Exe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { libs.Close(list) })
	return &frozen{target, c, list}
}

// captured copies a process; the caller closes what it returns.
func captured(t *testing.T, p *target.Process) (*snapshot.Target, *snapshot.Copy) {
	t.Helper()
	tg, err := snapshot.Open(context.Background(), p.PID(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tg.Attach(context.Background(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return tg, c
}

// refused lists what stands against a use, as a freeze does.
func (f *frozen) refused(use Use) (out []string) {
	_, list := f.Descriptors(f.c, use)
	list = append(list, f.Find(f.c, f.list, memory.Unshareable(f.c.Maps, f.c.Uncopied), use)...)
	if use.Again && !use.Threads {
		list = append(list, f.Unsafe(f.c, f.list)...)
	}
	for i := range list {
		out = append(out, list[i].String())
	}
	return out
}

// story is a program that is refused, and its near miss, which is not.
type story struct {
	refused string // the program
	says    string // a regular expression for all of what is said
	allow   string // kinds that make it go; "" for what cannot be allowed
	near    string // what looks almost the same
	resume  bool   // a program that goes on, with its threads, is refused as well
}

// tell checks stories. What is said must be the words, the path and the remedy, and nothing else.
func tell(t *testing.T, stories map[string]story) {
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := freeze(t, s.refused)
			said := strings.Join(f.refused(again), "\n")
			if !regexp.MustCompile("^(?:" + s.says + ")$").MatchString(said) {
				t.Errorf("it is refused for %q, want %s", said, s.says)
			}
			on := strings.Join(f.refused(goesOn), "\n")
			if s.resume != (on != "") || s.resume && on != said {
				t.Errorf("where it goes on it is refused for %q", on)
			}
			allow, mine := again, strings.Split(s.allow, ",")
			allow.Allow = slices.DeleteFunc(slices.Clone(allowable), func(kind string) bool {
				return slices.Contains(mine, kind)
			})
			if f.refused(allow) == nil {
				t.Error("it is not refused where all else is allowed")
			}
			allow.Allow = mine
			if left := f.refused(allow); (left == nil) != (s.allow != "") {
				t.Errorf("with --allow %s it is refused for %q", s.allow, left)
			}
			if said := freeze(t, s.near).refused(again); len(said) > 0 {
				t.Errorf("the near miss is refused for %q", said)
			}
		})
	}
}
