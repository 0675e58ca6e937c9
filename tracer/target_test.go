package tracer

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const python = "/usr/bin/python3.11"

// target is a Python process to be traced.
type target struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs a program with python3.11 and waits for the line "ready" that it
// has to print.
func start(t *testing.T, program string, args ...string) *target {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Skipf("no interpreter to trace: %v", err)
	}
	return startCmd(t, exec.Command(python, append([]string{"-uc", program}, args...)...))
}

func startCmd(t *testing.T, cmd *exec.Cmd) *target {
	t.Helper()
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = slices.DeleteFunc(cmd.Env, func(s string) bool {
		return strings.HasPrefix(s, "PYTHONUNBUFFERED=") || strings.HasPrefix(s, "PYTHONDONTWRITEBYTECODE=")
	})
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tg := &target{t, cmd, in, bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if got := tg.line(); got != "ready" {
		t.Fatalf("target said %q, not ready", got)
	}
	return tg
}

func (tg *target) pid() int { return tg.cmd.Process.Pid }

// line reads one line of output; a target that hangs fails the test.
func (tg *target) line() string {
	tg.t.Helper()
	got := make(chan string, 1)
	go func() {
		s, err := tg.out.ReadString('\n')
		if err != nil {
			s = "error: " + err.Error()
		}
		got <- strings.TrimSuffix(s, "\n")
	}()
	select {
	case s := <-got:
		return s
	case <-time.After(20 * time.Second):
		tg.t.Fatalf("no output from the target within 20 s; its state is %q", taskState(tg.pid(), tg.pid()))
	}
	return ""
}

func (tg *target) say(s string) {
	tg.t.Helper()
	if _, err := io.WriteString(tg.in, s+"\n"); err != nil {
		tg.t.Fatal(err)
	}
}

// waitState waits until the main thread is in a state.
func (tg *target) waitState(want string) {
	tg.t.Helper()
	eventually(tg.t, "state "+want, func() bool { return taskState(tg.pid(), tg.pid()) == want })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never came to pass: %s", what)
}

// snapshot is all that can be seen of a process from outside without ptrace.
// The threads of the process must be blocked in system calls.
func (tg *target) snapshot() string {
	tg.t.Helper()
	var b strings.Builder
	root := fmt.Sprintf("/proc/%d/", tg.pid())
	read := func(name string) string {
		text, err := os.ReadFile(root + name)
		if err != nil {
			tg.t.Fatal(err)
		}
		return string(text)
	}
	b.WriteString(read("maps"))
	fds, err := filepath.Glob(root + "fd/*")
	if err != nil {
		tg.t.Fatal(err)
	}
	for _, fd := range fds {
		to, _ := os.Readlink(fd)
		fmt.Fprintln(&b, filepath.Base(fd), to)
	}
	tids, err := taskIDs(tg.pid())
	if err != nil {
		tg.t.Fatal(err)
	}
	slices.Sort(tids)
	for _, tid := range tids {
		dir := fmt.Sprintf("task/%d/", tid)
		// Arguments of the system call, stack and instruction pointer; not the
		// number, which becomes that of restart_syscall after any stop.
		_, call, _ := strings.Cut(read(dir+"syscall"), " ")
		fmt.Fprintln(&b, tid, strings.TrimSpace(call))
		for line := range strings.Lines(read(dir + "status")) {
			for _, key := range []string{"State", "TracerPid", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "Threads"} {
				if strings.HasPrefix(line, key+":") {
					b.WriteString(line)
				}
			}
		}
	}
	return b.String()
}

// attach attaches, and fails the test if it cannot.
func (tg *target) attach() *Process {
	tg.t.Helper()
	p, err := Attach(tg.pid())
	if err != nil {
		tg.t.Fatal(err)
	}
	tg.t.Cleanup(func() { _ = p.Detach() })
	return p
}

func detach(t *testing.T, p *Process) {
	t.Helper()
	if err := p.Detach(); err != nil {
		t.Fatal(err)
	}
}

// steps steps a thread n times.
func steps(p *Process, tid, n int) error {
	for range n {
		if err := p.Step(tid, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
