package tracer

import (
	"errors"
	"math/rand"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// blocked are programs whose threads all wait in system calls, in ways that the
// kernel restarts differently.
var blocked = map[string]string{
	"read":    `print("ready"); input()`,
	"select":  `import select; print("ready"); select.select([0], [], [], 3600)`,
	"sleep":   `import time; print("ready"); time.sleep(3600)`,
	"sigwait": `import signal; print("ready"); signal.sigwait([signal.SIGUSR1])`,
	"epoll":   `import select; print("ready"); e = select.epoll(); e.register(0); e.unregister(0); e.poll()`,
	"pause":   `import signal; print("ready"); signal.pause()`,
	"masked":  `import signal; signal.pthread_sigmask(0, [10, 12, 40]); print("ready"); input()`,
	"child":   `import subprocess; print("ready"); subprocess.run(["cat"])`,
	"threads": `
import threading, time
e = threading.Event()
for i in range(20):
    threading.Thread(target=e.wait, args=([None, 3600][i % 2],), daemon=True).start()
time.sleep(.1)
print("ready"); input()`,
}

// settle waits until a process does nothing any more.
func (tg *target) settle() string {
	tg.waitState("S")
	var last string
	eventually(tg.t, "a quiet target", func() bool {
		time.Sleep(20 * time.Millisecond)
		now := tg.snapshot()
		// A thread may wait for a processor for long, on a machine with others.
		same := now == last && !strings.Contains(now, "R (running)")
		last = now
		return same
	})
	return last
}

func TestAttachLeavesNoTrace(t *testing.T) {
	actions := map[string]func(*testing.T, *Process){
		"nothing": func(*testing.T, *Process) {},
		"syscall": func(t *testing.T, p *Process) {
			for _, tid := range p.Threads() {
				if _, err := p.Syscall(tid, unix.SYS_GETTID); err != nil {
					t.Error(err)
				}
			}
		},
		"setters": func(t *testing.T, p *Process) {
			for _, tid := range p.Threads() {
				change(t, p, tid)
			}
		},
		"step": func(t *testing.T, p *Process) {
			if err := p.Step(p.PID(), 5*time.Millisecond); !errors.Is(err, ErrStepTimeout) {
				t.Errorf("step of a blocked thread: %v", err)
			}
		},
		"epoll, sigwait see no EINTR": func(t *testing.T, p *Process) {
			if regs, err := p.Regs(p.PID()); err != nil || int64(regs.Rax) == -eintr {
				t.Errorf("the call will fail with EINTR (%v)", err)
			}
		},
		"run": func(t *testing.T, p *Process) {
			if err := p.RunFor(5 * time.Millisecond); err != nil {
				t.Error(err)
			}
		},
	}
	for name, program := range blocked {
		t.Run(name, func(t *testing.T) {
			tg := start(t, program)
			before := tg.settle()
			for name, act := range actions {
				p := tg.attach()
				act(t, p)
				detach(t, p)
				if diff := cmp.Diff(before, tg.settle()); diff != "" {
					t.Errorf("%s changed the target: %s", name, diff)
				}
			}
		})
	}
}

// change changes all of a thread's state that Detach has to put back.
func change(t *testing.T, p *Process, tid int) {
	t.Helper()
	regs, err := p.Regs(tid)
	if err != nil {
		t.Fatal(err)
	}
	regs.Rbx, regs.Rsp = 1, 2
	mask, err1 := p.SigMask(tid)
	state, err2 := p.XState(tid)
	err = errors.Join(err1, err2, p.SetRegs(tid, regs), p.SetSigMask(tid, ^mask))
	if err != nil {
		t.Fatal(err)
	}
	state[160] ^= 0xff // xmm0
	if err := p.SetXState(tid, state); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Regs(tid); err != nil || got.Rbx != 1 {
		t.Errorf("registers were not set: %v", err)
	}
	if got, err := p.XState(tid); err != nil || got[160] != state[160] {
		t.Errorf("extended registers were not set: %v", err)
	}
}

// A computation must come out right however often it is interrupted.
func TestBusyTargetIsUnharmed(t *testing.T) {
	const program = `
import hashlib
print("ready")
n = int(input())
x, h, f = 1, b"", 1.0
for i in range(n):
    x = (x * 6364136223846793005 + i) % (1 << 64)
    f = (f * 1.0000001 + x / 3e19) % 1e9
    if i % 64 == 0:
        h = hashlib.sha256(h + str((x, f)).encode()).digest()
print(h.hex()); input()`
	want := ""
	for _, disturb := range []bool{false, true} {
		tg := start(t, program)
		tg.say("1000000")
		rounds := 0
		if disturb {
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && taskState(tg.pid(), tg.pid()) == "R"; rounds++ {
				p := tg.attach()
				if _, err := p.Syscall(tg.pid(), unix.SYS_GETPPID); err != nil {
					t.Fatal(err)
				}
				if err := steps(p, tg.pid(), rand.Intn(200)); err != nil && !errors.Is(err, ErrStepTimeout) {
					t.Fatal(err)
				}
				if rounds%2 == 0 {
					change(t, p, tg.pid())
				}
				detach(t, p)
				time.Sleep(time.Duration(rand.Intn(2000)) * time.Microsecond)
			}
			if rounds < 10 {
				t.Errorf("only %d rounds: the test proves little", rounds)
			}
		}
		got := tg.line()
		if !disturb {
			want = got
		} else if got != want || len(got) != 64 {
			t.Errorf("after %d disturbances the result is %s, want %s", rounds, got, want)
		}
	}
}

// Threads that come and go all the time must not hang an attach, nor be lost.
func TestAttachLoopUnderLoad(t *testing.T) {
	tg := start(t, `
import threading, time
def burst():
    for t in [threading.Thread(target=time.sleep, args=(.001,)) for _ in range(8)]: t.start()
def spawner():
    while 1: burst(); time.sleep(.002)
for _ in range(3): threading.Thread(target=spawner, daemon=True).start()
print("ready")
while 1: print("said", input())`)
	fds, threads := ownResources(t)
	var worst time.Duration
	for i := range 100 {
		p := tg.attach()
		tids := p.Threads()
		for _, tid := range tids {
			if _, err := p.Regs(tid); err != nil {
				t.Fatal(err)
			}
			if s := taskState(tg.pid(), tid); s != "t" {
				t.Fatalf("thread %d is in state %s", tid, s)
			}
		}
		if all, err := taskIDs(tg.pid()); err != nil || len(all) != len(tids) {
			t.Fatalf("%d threads attached of %d", len(tids), len(all))
		}
		if i%10 == 0 {
			if err := p.RunFor(3 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		detach(t, p)
		worst = max(worst, p.StoppedFor())
	}
	tg.say("hello")
	if got := tg.line(); got != "said hello" {
		t.Errorf("target said %q", got)
	}
	t.Logf("longest stop %v", worst)
	eventually(t, "our descriptors and threads are back", func() bool {
		f, n := ownResources(t)
		return f <= fds && n <= threads+5
	})
}

func ownResources(t *testing.T) (fds, threads int) {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	tids, err := taskIDs(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return len(d), len(tids)
}

func TestStoppedStaysStopped(t *testing.T) {
	tg := start(t, `
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready")
while 1: print("said", input())`)
	stop := func() {
		if err := syscall.Kill(tg.pid(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		tg.waitState("T")
	}
	stop()
	for i := range 3 {
		p := tg.attach()
		for _, tid := range p.Threads() {
			if _, err := p.Syscall(tid, unix.SYS_GETPID); err != nil {
				t.Error(err)
			}
		}
		if i > 0 {
			if err := p.RunFor(5 * time.Millisecond); err != nil {
				t.Error(err)
			}
		}
		detach(t, p)
		time.Sleep(5 * time.Millisecond)
		tg.waitState("T")
	}
	// SIGCONT while attached ends the stop.
	p := tg.attach()
	if err := syscall.Kill(tg.pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	detach(t, p)
	tg.say("hello")
	if got := tg.line(); got != "said hello" {
		t.Errorf("target said %q", got)
	}
	// SIGSTOP while attached takes effect afterwards.
	p = tg.attach()
	if err := syscall.Kill(tg.pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	detach(t, p)
	tg.waitState("T")
}
