package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// twinOf makes a twin of the main thread, which the test ends.
func twinOf(t *testing.T, p *Process) *Process {
	t.Helper()
	w, err := p.Twin(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Detach() })
	return w
}

func children(t *testing.T, pid int) string {
	t.Helper()
	tids, err := taskIDs(pid)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, tid := range tids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, tid))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return string(all)
}

func TestTwinLeavesNoTrace(t *testing.T) {
	for name, program := range blocked {
		t.Run(name, func(t *testing.T) {
			tg := start(t, program)
			before, kids := tg.settle(), children(t, tg.pid())
			for range 3 {
				p := tg.attach()
				for _, tid := range p.Threads() {
					regs, err := p.Regs(tid)
					mask, err1 := p.SigMask(tid)
					state, err2 := p.XState(tid)
					if err := errors.Join(err, err1, err2); err != nil {
						t.Fatal(err)
					}
					w, err := p.Twin(tid)
					if err != nil {
						t.Fatal(err)
					}
					same := func(p *Process, tid int) {
						t.Helper()
						regs2, err := p.Regs(tid)
						mask2, err1 := p.SigMask(tid)
						state2, err2 := p.XState(tid)
						if err := errors.Join(err, err1, err2); err != nil {
							t.Fatal(err)
						}
						if regs != regs2 || mask != mask2 || !bytes.Equal(state, state2) {
							t.Errorf("thread %d: %s %#x %#x", tid, cmp.Diff(regs, regs2), mask, mask2)
						}
					}
					same(p, tid)
					same(w, w.PID())
					sameMemory(t, p.PID(), w.PID())
					if got := children(t, tg.pid()); got != kids {
						t.Errorf("the target has the children %q, had %q", got, kids)
					}
					if err := w.Detach(); err != nil {
						t.Error(err)
					}
				}
				detach(t, p)
				if diff := cmp.Diff(before, tg.settle()); diff != "" {
					t.Errorf("the target was changed: %s", diff)
				}
				if got := children(t, tg.pid()); got != kids {
					t.Errorf("the target has the children %q, had %q", got, kids)
				}
			}
		})
	}
}

// sameMemory compares all that two stopped processes have in memory.
func sameMemory(t *testing.T, a, b int) {
	t.Helper()
	var spaces [2]*procmem.Space
	for i, pid := range []int{a, b} {
		live, err := procmem.OpenLive(pid)
		if err != nil {
			t.Fatal(err)
		}
		defer live.Close()
		maps, err := procmem.ReadMaps(pid)
		if err != nil {
			t.Fatal(err)
		}
		if spaces[i], err = procmem.Capture(live, maps, nil); err != nil {
			t.Fatal(err)
		}
		defer spaces[i].Close()
	}
	x, y := spaces[0].Segments(), spaces[1].Segments()
	if len(x) != len(y) {
		t.Fatalf("%d and %d segments", len(x), len(y))
	}
	for i := range x {
		if x[i].Mapping != y[i].Mapping || !sameBytes(x[i].Data, y[i].Data) {
			t.Errorf("%v and %v differ", x[i].Mapping, y[i].Mapping)
		}
	}
}

// sameBytes allows for the one thing that the kernel writes into the memory of a
// thread that it moves to another processor: its number, twice (rseq(2)).
func sameBytes(a, b []byte) bool {
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		const rseqSize = 32
		at := i &^ (rseqSize - 1)
		return bytes.Equal(a[:at], b[:at]) && bytes.Equal(a[at+rseqSize:], b[at+rseqSize:])
	}
	return len(a) == len(b)
}

// A computation that is copied again and again comes out right, and neither waits
// for children nor their signals show the copies.
func TestTwinsUnderLoad(t *testing.T) {
	const program = `
import hashlib, os, signal, threading, time
seen = waited = 0
def chld(*a): global seen; seen += 1
signal.signal(signal.SIGCHLD, chld)
stop = False
def waiter():
    global waited
    while not stop:
        try:
            os.waitpid(-1, 0x40000000 if waited % 2 else 0); waited = "a child"
        except ChildProcessError: time.sleep(.0005)
threading.Thread(target=waiter, daemon=True).start()
print("ready")
n = int(input())
x, h, f = 1, b"", 1.0
for i in range(n):
    x = (x * 6364136223846793005 + i) % (1 << 64)
    f = (f * 1.0000001 + x / 3e19) % 1e9
    if i % 64 == 0:
        h = hashlib.sha256(h + str((x, f)).encode()).digest()
print(h.hex()); input(); stop = True; print(seen, waited); input()`
	want := ""
	for _, disturb := range []bool{false, true} {
		tg := start(t, program)
		tg.say("1500000")
		rounds := 0
		var worst, sum time.Duration
		if disturb {
			for ; rounds < 200; rounds++ {
				p := tg.attach()
				tids := p.Threads()
				w, err := p.Twin(tids[rand.Intn(len(tids))])
				if err != nil {
					t.Fatal(err)
				}
				detach(t, p)
				worst, sum = max(worst, p.StoppedFor()), sum+p.StoppedFor()
				if err := w.Detach(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rand.Intn(2000)) * time.Microsecond)
			}
			t.Logf("stopped for %v at most, %v on average", worst, sum/200)
		}
		got := tg.line()
		if !disturb {
			want = got
		} else if got != want {
			t.Errorf("the result of the computation is %s, want %s", got, want)
		}
		tg.say("")
		if got := tg.line(); got != "0 0" {
			t.Errorf("SIGCHLD, children: %s", got)
		}
	}
}

// A twin runs, stops at system calls and breakpoints, and dies with us.
func TestTwinRuns(t *testing.T) {
	tg := start(t, `
import os, sys
print("ready")
while 1: os.getppid()`)
	time.Sleep(20 * time.Millisecond)
	p := tg.attach()
	w := twinOf(t, p)
	detach(t, p)
	calls := 0
	var at procmem.Addr
	for range 20 {
		ev, err := w.ContinueUntil(time.Now().Add(5 * time.Second))
		if err != nil || ev.Kind != EventSyscall || ev.Number != unix.SYS_GETPPID {
			t.Fatalf("%+v, %v", ev, err)
		}
		calls, at = calls+1, ev.Addr
	}
	// The instruction after the call.
	if err := w.SetBreakpoint(at); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		ev, err := w.ContinueUntil(time.Now().Add(5 * time.Second))
		if err != nil || ev.Kind != EventBreakpoint || ev.Addr != at {
			t.Fatalf("%+v, %v", ev, err)
		}
		if ev, err = w.ContinueUntil(time.Now().Add(5 * time.Second)); err != nil || ev.Kind != EventSyscall {
			t.Fatalf("%+v, %v", ev, err)
		}
	}
	if err := w.ClearBreakpoint(at); err != nil {
		t.Fatal(err)
	}
	if ev, err := w.ContinueUntil(time.Now().Add(5 * time.Second)); err != nil || ev.Kind != EventSyscall {
		t.Fatalf("%+v, %v", ev, err)
	}
	if err := p.SetBreakpoint(at); err == nil {
		t.Error("a breakpoint in the target itself")
	}
	if err := w.Detach(); err != nil {
		t.Error(err)
	}
	if _, err := w.ContinueUntil(time.Now()); !errors.Is(err, ErrDetached) {
		t.Error(err)
	}
}
