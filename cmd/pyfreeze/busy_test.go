package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a thawed target.py prints when it is run with the arguments "one two".
const wantReport = "born elsewhere: True\nheap: whole\nrounds: 3\nargv: ['one', 'two']\nthreads: 1 True\n"

// withoutThreads has a program run again though it had threads of Python.
var withoutThreads = []string{"--allow", "thread,lock"}

// thawsWell runs the image of a target.py and checks that the heap is the frozen process's.
func thawsWell(t *testing.T, image string) {
	t.Helper()
	log := newRunLog(t)
	o := run(t, command{argv: []string{binary, "run", "-q", image, "one", "two"}, env: []string{log.env()}}).must(t, "exit 0")
	if o.Stdout != wantReport || o.Stderr != "" {
		t.Errorf("thawed: %v", o)
	}
	log.thawed(t, 1)
}

// TestLongFreezeWhileBusy freezes targets that are not blocked: the safe point has to be found.
// Each mode of target.py checks its own data; newTarget fails the test if it finds it damaged.
func TestLongFreezeWhileBusy(t *testing.T) {
	for mode, flags := range map[string][]string{"blocked": nil, "busy": nil, "busy-daemons": withoutThreads, "main-blocked": withoutThreads,
		"hashing": withoutThreads, "blocked-threads": withoutThreads} {
		t.Run(mode, func(t *testing.T) {
			tg := newTarget(t, mode, targetOptions{})
			dir := tempDir(t)
			for i := range 8 {
				image := filepath.Join(dir, fmt.Sprintf("%d.pyfreeze", i))
				o := attach(t, tg.pid(), image, flags...).must(t, "exit 0")
				thawsWell(t, image)
				if t.Failed() {
					t.Fatalf("attach said %v", o)
				}
				// Another moment of its work each time.
				time.Sleep(time.Duration(i) * 7 * time.Millisecond)
			}
		})
	}
}

// TestFreezeBusyHG freezes an hg that is in the middle of commands.
func TestFreezeBusyHG(t *testing.T) {
	s := newHG(t)
	dir := tempDir(t)
	for i := range 10 {
		done := make(chan error, 1)
		go func() {
			for range 5 {
				if res, err := s.Run("log", "-p", "-T", "{rev} {desc}\n"); err != nil || res.Code != 0 {
					done <- fmt.Errorf("%v %d %s", err, res.Code, res.Stderr)
					return
				}
			}
			done <- nil
		}()
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		image := filepath.Join(dir, "hg.pyfreeze")
		o := attach(t, s.PID(), image)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		o.must(t, "exit 0")
		log := newRunLog(t)
		got := run(t, command{argv: []string{binary, "run", image, "version", "-q"}, env: []string{log.env()}})
		same(t, run(t, command{argv: []string{hgPath, "version", "-q"}}), got)
		log.thawed(t, 1)
	}
}

// TestNoSafePoint gives pyfreeze less time than the target stays inside one C call.
func TestNoSafePoint(t *testing.T) {
	tg := newTarget(t, "one-long-call", targetOptions{})
	dir := tempDir(t)
	image := filepath.Join(dir, "i")
	tooShort := 0
	for n := range 5 {
		image := filepath.Join(dir, fmt.Sprint(n))
		o := attach(t, tg.pid(), image, "--timeout", "20ms")
		switch o.Status {
		case "exit 7":
			tooShort++
			o.oneLine(t, "--timeout")
			mustNotExist(t, image)
		case "exit 0": // it was just between two calls
		default:
			t.Errorf("want exit 7, got %v", o)
		}
	}
	if tooShort == 0 {
		t.Error("20 ms was never too short a time for a target that stays in one C call")
	}
	attach(t, tg.pid(), image, "--timeout", "30s").must(t, "exit 0")
	thawsWell(t, image)
}

// TestRefusals freezes what cannot be cloned: refused, with the Python path of the reason.
func TestRefusals(t *testing.T) {
	tg := newTarget(t, "connected", targetOptions{})
	image := filepath.Join(tempDir(t), "i")
	o := attach(t, tg.pid(), image).must(t, "exit 6")
	for _, w := range []string{"warmed", "CONNECTION"} {
		if !strings.Contains(o.Stderr, w) {
			t.Errorf("standard error does not name %q: %q", w, o.Stderr)
		}
	}
	mustNotExist(t, image)
}

// TestThreadsStandInTheWay freezes a process with threads: its program does not run again without them, and goes on with them.
func TestThreadsStandInTheWay(t *testing.T) {
	tg := newTarget(t, "not-daemon", targetOptions{})
	image := filepath.Join(tempDir(t), "i")
	o := attach(t, tg.pid(), image).must(t, "exit 0")
	if !strings.Contains(o.Stdout, "a thaw goes on where it was (run --resume), with up to 4 threads") || !strings.Contains(o.Stdout, "it cannot run again: ") ||
		!strings.Contains(o.Stdout, "a running thread 'Thread-1 (sleeper)'") {
		t.Errorf("attach said %q", o.Stdout)
	}
	log := newRunLog(t)
	run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}).must(t, "exit 0")
	log.fellBack(t, "cannot be run in this way")
}
