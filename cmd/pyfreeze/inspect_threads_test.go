package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stacksAgree compares all stacks with those that the target's own faulthandler writes.
func (x *inspected) stacksAgree(t *testing.T) {
	t.Helper()
	var shown struct{ Threads []shownThread }
	inspectJSON(t, &shown, "threads", strconv.Itoa(x.pid()))
	want := x.faulthandler(t)
	if len(want) != 3 {
		t.Fatalf("faulthandler shows %d threads: %v", len(want), want)
	}
	for _, th := range shown.Threads {
		var got []string
		for _, f := range th.Frames {
			name := f.Function[strings.LastIndexByte(f.Function, '.')+1:]
			got = append(got, fmt.Sprintf("%s:%d:%s", f.File, f.Line, name))
		}
		if !slices.Equal(got, want[th.Ident]) {
			t.Errorf("thread %d:\n%s\nfaulthandler says\n%s", th.Ident, strings.Join(got, "\n"), strings.Join(want[th.Ident], "\n"))
		}
		fact := x.facts.Threads[strconv.FormatUint(th.Ident, 10)]
		if th.Daemon == nil || len(fact) != 2 || fact[0] != th.Name || fact[1] != *th.Daemon {
			t.Errorf("thread %+v, the target says %v", th, fact)
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", x.pid(), th.Tid)); err != nil || th.Main != (th.Tid == x.pid()) {
			t.Errorf("thread %d, main %v: %v", th.Tid, th.Main, err)
		}
	}
	if len(shown.Threads) != len(want) {
		t.Errorf("%d threads, faulthandler shows %d", len(shown.Threads), len(want))
	}
}

var (
	faultThread = regexp.MustCompile(`(?m)^(?:Current thread|Thread) 0x([0-9a-f]+)`)
	faultFrame  = regexp.MustCompile(`^  File "(.*)", line (\d+) in (.*)$`)
)

// faulthandler makes the target write the stacks of its threads, and gives them by ident, the newest last.
func (x *inspected) faulthandler(t *testing.T) map[uint64][]string {
	t.Helper()
	if err := x.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	out := map[uint64][]string{}
	text := ""
	for wait := 0; ; wait++ {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fd/2", x.pid()))
		if err != nil {
			t.Fatal(err)
		}
		// The dump ends with the current thread, the main one, whose first frame is the module's.
		if text = string(b); strings.Contains(text, "Current thread") && strings.HasSuffix(text, " in <module>\n") {
			break
		}
		if wait == 2000 {
			t.Fatalf("faulthandler wrote %q", text)
		}
		time.Sleep(5 * time.Millisecond)
	}
	var ident uint64
	for line := range strings.Lines(text) {
		if m := faultThread.FindStringSubmatch(line); m != nil {
			ident, _ = strconv.ParseUint(m[1], 16, 64) // the pattern sees to it
		}
		if m := faultFrame.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			name := m[3][strings.LastIndexByte(m[3], '.')+1:]
			out[ident] = append([]string{fmt.Sprintf("%s:%s:%s", m[1], m[2], name)}, out[ident]...)
		}
	}
	return out
}
