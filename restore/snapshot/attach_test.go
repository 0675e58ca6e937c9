package snapshot

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/target"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// Programs in states that a careless stop would change: signals that wait, handlers, alternate
// stacks, threads in system calls that take part of their time.
var atRest = map[string]string{
	"plain": "",
	"signals": `
import signal
signal.signal(10, lambda *a: None)
signal.signal(13, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, {12, 34})
os.kill(os.getpid(), 12)
os.kill(os.getpid(), 34)`,
	"an alternate stack": "import faulthandler; faulthandler.enable()",
	"descriptors": `
import select, socket
r, w = os.pipe(); os.write(w, b'waits')
a, b = socket.socketpair(); a.send(b'too')
f = open('/etc/passwd'); f.read(10)
e = select.epoll(); e.register(r)`,
	"threads": `
import threading, time
for f, a in (time.sleep, (60,)), (threading.Event().wait, ()), (os.read, (os.pipe()[0], 1)):
    threading.Thread(target=f, args=a, daemon=True).start()
time.sleep(0.1)`,
	"memory": `
import mmap
m = mmap.mmap(-1, 1 << 20)
m[5000] = 1
big = bytearray(1 << 22)`,
}

// A process that was copied is to the kernel's eye as it was, and goes on.
func TestAttachLeavesNoTrace(t *testing.T) {
	const ends = "\nprint('ready')\nfor line in sys.stdin: print(line.strip().upper())"
	for name, program := range atRest {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, exe string) {
				p := target.Talk(t, exe, "import os, sys\n"+program+ends)
				p.Reading()
				before := target.Seen(t, p.PID())
				if _, err := captureOf(t, context.Background(), p.PID(), 20*time.Second); err != nil {
					t.Fatal(err)
				}
				p.Reading()
				if after := target.Seen(t, p.PID()); after != before {
					t.Errorf("before:\n%s\nafter:\n%s", before, after)
				}
				if got := p.Ask("word"); got != "WORD" {
					t.Errorf("it says %q", got)
				}
			})
		})
	}
}

// What is copied is what the program had: its objects, threads by name, descriptors, signals.
func TestCopyHasAll(t *testing.T) {
	p := target.Talk(t, target.Debian, `
import ctypes, mmap, os, sys, signal, threading, time
value = {'a': [1, 2], 'b': 'text'}
def work():
    ctypes.CDLL(None).prctl(15, b'a worker')
    time.sleep(60)
threading.Thread(target=work, daemon=True).start()
signal.signal(10, signal.SIG_IGN); signal.signal(12, print)
signal.pthread_sigmask(signal.SIG_BLOCK, {14})
f = open('/etc/passwd', 'rb', buffering=0); f.read(7)
kept = mmap.mmap(-1, 12288, mmap.MAP_PRIVATE); kept.madvise(mmap.MADV_DONTFORK)
time.sleep(0.1)
print('ready'); sys.stdin.readline()`)
	p.Reading()
	c, err := captureOf(t, context.Background(), p.PID(), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	h := heapOf(t, c)
	obj, err := h.Lookup("__main__.value")
	if got := h.Repr(obj, 100); got != "{'a': [1, 2], 'b': 'text'}" || err != nil {
		t.Errorf("the value is %s, %v", got, err)
	}
	if len(c.Threads) != 2 || c.Threads[1].Name != "a worker" || c.Threads[0].Tid != p.PID() {
		t.Errorf("threads: %+v", c.Threads)
	}
	for i := range c.Threads {
		th := &c.Threads[i]
		if tid, err := c.Space.I32(th.TidAt); err != nil || int(tid) != th.Tid {
			t.Errorf("the C library's id of thread %d is %d, %v", th.Tid, tid, err)
		}
		code, err := c.Space.Bytes(procmem.Addr(th.Regs.Rip), 2)
		if err != nil || string(code) != "\x0f\x05" {
			t.Errorf("thread %d does not make its system call again: % x, %v", th.Tid, code, err)
		}
	}
	if len(c.Uncopied) != 1 || c.Uncopied[0].Len() != 12288 {
		t.Errorf("its twin lacks %v", c.Uncopied)
	}
	if c.Threads[0].SigMask != 1<<13 {
		t.Errorf("it blocks %#x", c.Threads[0].SigMask)
	}
	k := &c.Kernel
	if ign, own := k.Actions[9][0], k.Actions[11][0]; ign != 1 || own < 4096 || k.Actions[14][0] != 0 {
		t.Errorf("its actions are %v, %v, %v", k.Actions[9], k.Actions[11], k.Actions[14])
	}
	auxv, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/auxv")
	if string(k.Auxv) != string(auxv) || err != nil || k.Comm != "python3.11" || k.MM[5] < k.MM[4] {
		t.Errorf("%q, brk from %#x to %#x, %v", k.Comm, k.MM[4], k.MM[5], err)
	}
	if len(c.FDs) != 1 || c.FDs[0].Target != "/etc/passwd" || c.FDs[0].Open.Offset != 7 {
		t.Errorf("descriptors: %+v", c.FDs)
	}
	if c.Kind != Waiting || c.GILHolder != 0 || c.Point != nil || c.Busy {
		t.Errorf("it is of kind %v, %+v", c.Kind, c.Point)
	}
	if s := c.Start; s.Argv[0] != target.Debian || s.Cwd != k.Cwd || s.FDs != nil ||
		s.Comm != "python3.11" || time.Since(s.Time) > time.Minute ||
		s.Time.After(time.Now()) {
		t.Errorf("it was started so: %+v", s)
	}
	for _, m := range c.Maps {
		if m.Overlaps(procmem.Range{Start: c.Base, End: c.Base + 1<<20}) {
			t.Errorf("the stub would lie over %v %s", m.Range, m.Path)
		}
	}
}

// What is no Python, or is none any more, is told by name.
func TestOpenRefuses(t *testing.T) {
	start := func(argv ...string) *exec.Cmd {
		cmd := exec.Command(argv[0], argv[1:]...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	var not *symbols.NotPythonError
	sleep := start("sleep", "60")
	target.Await(t, "sleep", func() bool {
		exe, _ := os.Readlink("/proc/" + strconv.Itoa(sleep.Process.Pid) + "/exe")
		return strings.HasSuffix(exe, "/sleep")
	})
	if _, err := Open(context.Background(), sleep.Process.Pid, nil); !errors.As(err, &not) {
		t.Errorf("sleep: %v", err)
	}
	zombie := start("true")
	target.Await(t, "a zombie", func() bool {
		b, _ := os.ReadFile("/proc/" + strconv.Itoa(zombie.Process.Pid) + "/stat")
		return strings.Contains(string(b), ") Z ")
	})
	if _, err := Open(context.Background(), zombie.Process.Pid, nil); err == nil ||
		!strings.Contains(err.Error(), "ended already (a zombie") {
		t.Errorf("a zombie: %v", err)
	}
	if _, err := Open(context.Background(), 1<<22+1, nil); !errors.Is(err, tracer.ErrNoProcess) {
		t.Errorf("no process: %v", err)
	}
}

// Inspection takes a process in any state, and says where that was no safe point.
func TestInspectAnyState(t *testing.T) {
	for name, c := range map[string]struct {
		program, unsettled string
		stop               bool
	}{
		"at rest":        {"sys.stdin.readline()", "", false},
		"stopped":        {"sys.stdin.readline()", "", true},
		"busy in Python": {"while 1: pass", "", false},
		"busy in C":      {"sum(range(10**12))", "busy in C code", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := target.Talk(t, target.Debian, "import sys\nx = 'kept (\\xe4) '\nprint('ready')\n"+c.program)
			if c.stop {
				p.Reading()
				if err := unix.Kill(p.PID(), unix.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				target.Await(t, "a stop", func() bool { return tasksOf(p.PID())[p.PID()].State == "T" })
			}
			i, err := Inspect(context.Background(), p.PID(), 200*time.Millisecond, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			if c.unsettled == "" && i.Unsettled != "" || !strings.Contains(i.Unsettled, c.unsettled) {
				t.Errorf("unsettled: %q", i.Unsettled)
			}
			h, err := pyheap.Open(i.Space, i.Interp, i.Layout)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			obj, err := h.Lookup("__main__.x")
			if got, err2 := h.Str(obj); got != "kept (ä) " || err != nil || err2 != nil {
				t.Errorf("x is %q, %v, %v", got, err, err2)
			}
			state := i.Tasks[p.PID()]
			if state.Name != "python3.11" || c.stop != (state.State == "T") {
				t.Errorf("its task is %+v", state)
			}
			if c.stop && tasksOf(p.PID())[p.PID()].State != "T" {
				t.Error("it runs again")
			}
		})
	}
}

// A thread's name may be anything.
func TestTaskNames(t *testing.T) {
	for _, name := range []string{"a b", ") R (", "((", "x) S 1 ", "ä"} {
		p := target.Talk(t, target.Debian, `
import ctypes, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode())
print('ready'); sys.stdin.readline()`, name)
		p.Reading()
		if got := tasksOf(p.PID())[p.PID()]; got != (Task{name, "S"}) {
			t.Errorf("%q is told as %+v", name, got)
		}
		k := Kernel{}
		if err := k.readStat(p.PID()); err != nil || k.Comm != name || k.MM[6] == 0 {
			t.Errorf("%q is told as %q, %v", name, k.Comm, err)
		}
	}
}
