package tracer

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A call with a time limit that is interrupted ends when it would have ended.
func TestTimedWaitsEndInTime(t *testing.T) {
	for _, wait := range []string{
		"time.sleep(.4)", "select.select([], [], [], .4)", "e.wait(.4)", "p.poll(400)",
	} {
		t.Run(wait, func(t *testing.T) {
			tg := start(t, `
import time, select, threading
e = threading.Event(); p = select.poll()
print("ready"); t = time.monotonic()
`+wait+`
print(time.monotonic() - t)`)
			for range 3 {
				p := tg.attach()
				if _, err := p.Syscall(tg.pid(), unix.SYS_GETPID); err != nil {
					t.Error(err)
				}
				if err := p.Step(tg.pid(), time.Millisecond); err != nil && !errors.Is(err, ErrStepTimeout) {
					t.Error(err)
				}
				detach(t, p)
				time.Sleep(20 * time.Millisecond)
			}
			took, err := strconv.ParseFloat(tg.line(), 64)
			if err != nil || took < .399 || took > .9 {
				t.Errorf("waited %v s, want 0.4 s (%v)", took, err)
			}
		})
	}
}

// An exec while it runs replaces the program, and all threads but one.
func TestExecWhileRunning(t *testing.T) {
	tg := start(t, `
import os, sys, threading, time
for _ in range(5): threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
def go(): time.sleep(.03); os.execv(sys.executable, [sys.executable, "-uc", "print('second', input())"])
threading.Thread(target=go).start()
print("ready"); time.sleep(3600)`)
	p := tg.attach()
	if _, err := p.Syscall(tg.pid(), unix.SYS_GETPID); err != nil {
		t.Fatal(err)
	}
	if err := p.RunFor(300 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if tids := p.Threads(); len(tids) != 1 || tids[0] != tg.pid() {
		t.Errorf("threads after exec: %v", tids)
	}
	if got, err := p.Syscall(tg.pid(), unix.SYS_GETPID); err != nil || int(got) != tg.pid() {
		t.Errorf("getpid gives %d, %v", got, err)
	}
	detach(t, p)
	tg.say("life")
	if got := tg.line(); got != "second life" {
		t.Errorf("target said %q", got)
	}
}

// Signals reach a target that runs under the tracer, handlers and all.
func TestRunForPassesSignals(t *testing.T) {
	tg := start(t, `
import signal, time
n = 0
def tick(*a): global n; n += 1
signal.signal(signal.SIGALRM, tick); signal.signal(signal.SIGTERM, lambda *a: print(n) or exit())
signal.setitimer(signal.ITIMER_REAL, .01, .01)
print("ready")
while 1: time.sleep(1)`)
	p := tg.attach()
	if err := p.RunFor(200 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	detach(t, p)
	if err := syscall.Kill(tg.pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(tg.line()); err != nil || n < 10 {
		t.Errorf("%d ticks, %v", n, err)
	}
}

// A system call that the filter forbids must not kill the target: either the
// filter is suspended, or the call is refused.
func TestSyscallUnderSeccomp(t *testing.T) {
	tg := start(t, `
import ctypes, struct
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
ins = lambda *a: struct.pack("HBBI", *a)
# load nr; getppid: kill; all else: allow
code = ins(0x20, 0, 0, 0) + ins(0x15, 0, 1, 110) + ins(0x06, 0, 0, 0x80000000) + ins(0x06, 0, 0, 0x7fff0000)
buf = ctypes.create_string_buffer(code)
prog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buf)))
if libc.prctl(22, 2, prog, 0, 0): raise OSError("no seccomp")
print("ready")
print("said", input())`)
	p := tg.attach()
	_, err := p.Syscall(tg.pid(), unix.SYS_GETPPID)
	var refused *SeccompError
	if err != nil && !errors.As(err, &refused) {
		t.Errorf("getppid: %v", err)
	}
	t.Logf("getppid under a filter: %v", err)
	detach(t, p)
	tg.say("hello")
	if got := tg.line(); got != "said hello" {
		t.Errorf("target said %q", got)
	}
}

// Steps see every instruction: a loop comes back to where it was.
func TestSteps(t *testing.T) {
	tg := start(t, "print('ready')\nwhile 1: pass")
	time.Sleep(50 * time.Millisecond) // let it get into the loop
	p := tg.attach()
	regs, err := p.Regs(tg.pid())
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		if err := p.Step(tg.pid(), time.Second); err != nil {
			t.Fatal(err)
		}
		now, err := p.Regs(tg.pid())
		if err != nil {
			t.Fatal(err)
		}
		if now.Rip == regs.Rip && now.Rsp == regs.Rsp {
			if n < 5 {
				t.Errorf("back after %d steps", n)
			}
			return
		}
		if n == 10000 {
			t.Fatal("not back after 10000 steps")
		}
	}
}

func TestExplain(t *testing.T) {
	mine := status{uids: []int{1000, 1000, 1000, 1000}}
	for _, c := range []struct {
		name           string
		facts          facts
		reason, remedy string
	}{
		{"tracer", facts{target: status{tracerPid: 5}, tracerName: "gdb"}, "traced by process 5 (gdb)", "detach"},
		{"yama 3", facts{caps: capSysPtrace, yama: "3"}, "Yama", "reboot"},
		{"yama 2", facts{uid: 1000, yama: "2", target: mine, dirUID: 1000}, "administrators", "root"},
		{"yama 1", facts{uid: 1000, yama: "1", target: mine, dirUID: 1000}, "children", "sysctl"},
		{"other user", facts{uid: 1001, target: mine, yama: "1"}, "belongs to user 1000", "as that user"},
		{"setuid", facts{uid: 1000, target: status{uids: []int{1000, 0, 0, 0}}}, "belongs to user 0", "root"},
		{"namespace", facts{uid: 1000, target: mine, userns: "user:[1]", targetNS: "user:[2]"}, "container", "inside"},
		{"dumpable", facts{uid: 1000, target: mine}, "not dumpable", "root"},
		{"seccomp", facts{uid: 1000, target: mine, dirUID: 1000, seccomp: 2}, "seccomp", "cap-add"},
		{"unknown", facts{uid: 1000, target: mine, dirUID: 1000}, "security module", "root"},
		{"root", facts{caps: capSysPtrace}, "lockdown", "audit"},
	} {
		reason, remedy := c.facts.explain()
		if !strings.Contains(reason, c.reason) || !strings.Contains(remedy, c.remedy) {
			t.Errorf("%s: %q, %q", c.name, reason, remedy)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add("Name:\ta\nState:\tR (running)\nTgid:\t7\nUid:\t0\t0\t0\t0\nCapEff:\tff\nSeccomp:\t2\nSigPnd:\t10\n")
	f.Fuzz(func(_ *testing.T, text string) { parseStatus(text) })
}
