package target

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

// Debian is the interpreter that every machine which runs the tests has.
const Debian = "/usr/bin/python3.11"

// Process is a Python that a test talks to, a line at a time.
type Process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Talk starts a program, which says ready, and ends it with the test.
func Talk(t *testing.T, exe, program string, args ...string) *Process {
	t.Helper()
	return TalkTo(t, exec.Command(exe, append([]string{"-uc", program}, args...)...))
}

// TalkTo is Talk for any command.
func TalkTo(t *testing.T, cmd *exec.Cmd) *Process {
	t.Helper()
	if cmd.Env == nil {
		dir := t.TempDir()
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, cmd: cmd, in: in}
	p.begin()
	return p
}

// begin starts the command and waits until it says that it is ready.
func (p *Process) begin() {
	p.t.Helper()
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	if got := p.Line(); got != "ready" {
		p.t.Fatalf("%s said %q, want ready", p.cmd.Path, got)
	}
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Line reads a line of output.
func (p *Process) Line() string {
	p.t.Helper()
	// One that never answers ends, so that the test does.
	late := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s said %q: %v", p.cmd.Path, line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// Ask says a line, and reads one.
func (p *Process) Ask(line string) string {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
	return p.Line()
}

// Reading waits until the process is blocked in a read of its standard input.
func (p *Process) Reading() {
	p.t.Helper()
	Await(p.t, "a process that reads", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", p.PID()))
		return err == nil && strings.HasPrefix(string(b), "0 0x0 ")
	})
}

// Await waits until something is so.
func Await(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for ; time.Now().Before(end); time.Sleep(time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("it never came to %s", what)
}

// ofStatus are lines of /proc/PID/status.
var ofStatus = []string{"State", "TracerPid", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"}

// Seen is what others can see of a process at rest: mappings, descriptors, how its threads stand,
// its signals.
func Seen(t *testing.T, pid int) string {
	t.Helper()
	var b strings.Builder
	root := fmt.Sprintf("/proc/%d/", pid)
	read := func(name string) string {
		text, err := os.ReadFile(root + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	b.WriteString(read("maps"))
	links, _ := filepath.Glob(root + "fd/*") // the pattern is fine
	for _, l := range links {
		to, _ := os.Readlink(l)
		fmt.Fprintln(&b, filepath.Base(l), to, read("fdinfo/"+filepath.Base(l)))
	}
	tasks, _ := filepath.Glob(root + "task/*")
	slices.Sort(tasks)
	for _, task := range tasks {
		dir := "task/" + filepath.Base(task) + "/"
		// Not the number of the call, which becomes that of restart_syscall after any stop.
		_, call, _ := strings.Cut(read(dir+"syscall"), " ")
		fmt.Fprintln(&b, dir, strings.TrimSpace(call))
		for line := range strings.Lines(read(dir + "status")) {
			if name, _, _ := strings.Cut(line, ":"); slices.Contains(ofStatus, name) {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}
