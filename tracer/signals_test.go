package tracer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signals that arrive while the target is stopped or stepped are all delivered
// afterwards: the queueing ones each, in the right number.
func TestSignalsAreKept(t *testing.T) {
	tg := start(t, `
import signal
n = alarm = term = 0
def rt(*a): global n; n += 1
def al(*a): global alarm; alarm += 1
def te(*a): global term; term += 1
signal.signal(40, rt); signal.signal(signal.SIGALRM, al); signal.signal(signal.SIGTERM, te)
signal.setitimer(signal.ITIMER_REAL, .05)
print("ready")
while not term: pass
# Python coalesces what its own trip flag does; blocked signals do not matter here.
print(alarm, n > 0)`)
	p := tg.attach()
	for range 5 {
		if err := syscall.Kill(tg.pid(), 40); err != nil {
			t.Fatal(err)
		}
	}
	// The timer goes off somewhere in these steps.
	for end := time.Now().Add(150 * time.Millisecond); time.Now().Before(end); {
		if err := steps(p, tg.pid(), 100); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Syscall(tg.pid(), unix.SYS_GETPID); err != nil {
		t.Fatal(err)
	}
	// Nothing is held back in our own memory.
	if got := queued(t, p)[40]; got != 5 {
		t.Errorf("%d of 5 signals are pending", got)
	}
	detach(t, p)
	time.Sleep(20 * time.Millisecond)
	if err := syscall.Kill(tg.pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := tg.line(); got != "1 True" {
		t.Errorf("target got %q", got)
	}
}

// queued counts the pending signals of the main thread by number.
func queued(t *testing.T, p *Process) map[uint32]int {
	t.Helper()
	const peekSiginfo = 0x4209
	counts := map[uint32]int{}
	for shared := range uint32(2) {
		args := struct {
			off       uint64
			flags, nr uint32
		}{0, shared, 64}
		var infos [64]siginfo
		err := p.call(func() error {
			return ptracePtr(peekSiginfo, p.PID(), uintptr(unsafe.Pointer(&args)), unsafe.Pointer(&infos))
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			counts[order32(i[:])]++
		}
	}
	return counts
}

// A kept signal has all its details when it arrives.
func TestKeptSignalKeepsItsDetails(t *testing.T) {
	tg := start(t, `
import signal, os
signal.signal(signal.SIGCHLD, lambda *a: None)
print("ready")
while 1: pass`)
	p := tg.attach()
	if err := syscall.Kill(tg.pid(), syscall.SIGCHLD); err != nil {
		t.Fatal(err)
	}
	if err := p.Step(tg.pid(), time.Second); err != nil {
		t.Fatal(err)
	}
	var info siginfo
	err := p.call(func() error {
		th := p.threads[tg.pid()]
		if err := ptrace(unix.PTRACE_CONT, th.tid, 0, 0); err != nil {
			return err
		}
		s, ok, err := p.waitStop(th, time.Now().Add(time.Second))
		if err != nil || !ok || s.signal != syscall.SIGCHLD {
			return fmt.Errorf("stop %+v, %v, %v", s, ok, err)
		}
		p.note(th, s)
		info, err = getSiginfo(th.tid)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	from := int(order32(info[16:]))
	if info.code() != 0 || from != os.Getpid() {
		t.Errorf("signal has code %d and sender %d, want SI_USER and %d", info.code(), from, os.Getpid())
	}
	detach(t, p)
}

func order32(p []byte) uint32 {
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
}

// helperEnv makes the test binary act as a tracer that is killed.
const helperEnv = "TRACER_TEST_HELPER"

func TestMain(m *testing.M) {
	if what := os.Getenv(helperEnv); what != "" {
		helper(what)
		return
	}
	os.Exit(m.Run())
}

// helper does what it is told to the process given as argument, says "ready"
// and waits to be killed.
func helper(what string) {
	pid, _ := strconv.Atoi(os.Args[1])
	var p *Process
	var err error
	if what == "spawn" {
		p, err = Spawn(Program{Path: "/usr/bin/python3.11", Argv: []string{"python3.11", "-c", "input()"}, Env: nil})
	} else {
		p, err = Attach(pid)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	if what == "stepped" {
		err := steps(p, pid, 100)
		_, err2 := p.Syscall(pid, unix.SYS_GETPID)
		if err := errors.Join(err, err2); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("ready")
	if what == "spawn" {
		fmt.Println(p.PID())
	}
	for what == "twins" {
		w, err := p.Twin(pid)
		if err == nil {
			err = errors.Join(p.Detach(), w.Detach())
		}
		if err == nil {
			p, err = Attach(pid)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	for what == "loop" {
		err := p.RunFor(time.Millisecond)
		if err == nil {
			err = p.Detach()
		}
		if err == nil {
			p, err = Attach(pid)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	time.Sleep(time.Hour)
}

func startHelper(t *testing.T, what string, pid int) *target {
	t.Helper()
	cmd := exec.Command(os.Args[0], strconv.Itoa(pid))
	cmd.Env = append(os.Environ(), helperEnv+"="+what)
	return startCmd(t, cmd)
}

// A tracer that is killed leaves the target running, also when it has stepped a
// thread. (While a step or an injected call is under way, it does not: the kernel
// then delivers the SIGTRAP.)
func TestKilledTracer(t *testing.T) {
	for _, what := range []string{"attach", "stepped", "loop"} {
		for i := range 5 {
			tg := start(t, `
import sys, select
print("ready")
n = 0
while not select.select([0], [], [], 0)[0]: n += 1
print("said", input())`)
			h := startHelper(t, what, tg.pid())
			time.Sleep(time.Duration(7*i) * time.Millisecond)
			if err := h.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			tg.say("hello")
			if got := tg.line(); got != "said hello" {
				t.Errorf("%s: target said %q, state %s", what, got, taskState(tg.pid(), tg.pid()))
			}
		}
	}
}

// A spawned process goes on when its tracer is killed.
func TestSpawnedOutlivesTracer(t *testing.T) {
	h := startHelper(t, "spawn", 0)
	pid, err := strconv.Atoi(h.line())
	if err != nil {
		t.Fatal(err)
	}
	if s := taskState(pid, pid); s != "t" {
		t.Errorf("the spawned process is in state %q", s)
	}
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the spawned process runs", func() bool { return taskState(pid, pid) == "S" })
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestUnprivilegedIsDiagnosed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to have a process of another user")
	}
	tg := start(t, blocked["read"])
	dir, err := os.MkdirTemp("/tmp", "tracer-test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(dir+"/helper", binary, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dir+"/helper", strconv.Itoa(tg.pid()))
	cmd.Env = append(os.Environ(), helperEnv+"=attach")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	want := "it belongs to user 0, and you are user 65534"
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%q (%v), want %q in it", out, err, want)
	}
}
