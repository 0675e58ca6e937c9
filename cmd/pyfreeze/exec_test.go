package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A command is what a test runs: plainly, or through pyfreeze.
type command struct {
	argv  []string
	dir   string
	env   []string // added to the environment
	stdin string
	// uid, when not 0, is the user to run as, without any other group or capability.
	uid     int
	timeout time.Duration // one minute when 0
}

// An outcome is all that a parent sees of a command.
type outcome struct {
	Stdout, Stderr string
	// Status is "exit 3" or "signal: terminated".
	Status string
	pid    int
	took   time.Duration
}

func (o outcome) String() string {
	return fmt.Sprintf("%s\nstandard output: %q\nstandard error: %q", o.Status, o.Stdout, o.Stderr)
}

func status(state *os.ProcessState) string {
	if ws := state.Sys().(syscall.WaitStatus); ws.Signaled() {
		return "signal: " + ws.Signal().String()
	}
	return fmt.Sprintf("exit %d", state.ExitCode())
}

// try runs c to its end. A command that hangs is killed, with all it started, and is an error.
func try(c command) (outcome, error) {
	timeout := c.timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	argv := c.argv
	if c.uid != 0 {
		argv = append([]string{"/usr/bin/setpriv", fmt.Sprintf("--reuid=%d", c.uid),
			fmt.Sprintf("--regid=%d", c.uid), "--clear-groups"}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.stdin != "" {
		cmd.Stdin = strings.NewReader(c.stdin)
	}
	start := time.Now()
	err := cmd.Run()
	o := outcome{Stdout: stdout.String(), Stderr: stderr.String(), took: time.Since(start)}
	if cmd.Process != nil {
		o.pid = cmd.Process.Pid
	}
	if cmd.ProcessState == nil {
		return o, fmt.Errorf("%v: %w", argv, err)
	}
	o.Status = status(cmd.ProcessState)
	if ctx.Err() != nil {
		return o, fmt.Errorf("%v: killed after %v\n%v", argv, timeout, o)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return o, fmt.Errorf("%v: %w\n%v", argv, err, o)
	}
	return o, nil
}

func run(t testing.TB, c command) outcome {
	t.Helper()
	o, err := try(c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// pyfreeze runs the binary under test.
func pyfreeze(t testing.TB, args ...string) outcome {
	t.Helper()
	return run(t, command{argv: append([]string{binary}, args...)})
}

// must fails the test unless o ended with status.
func (o outcome) must(t testing.TB, status string) outcome {
	t.Helper()
	if o.Status != status {
		t.Fatalf("want %s, got %v", status, o)
	}
	return o
}

// oneLine fails the test unless standard error is one clear line that contains every want.
func (o outcome) oneLine(t testing.TB, wants ...string) {
	t.Helper()
	line, rest, _ := strings.Cut(o.Stderr, "\n")
	if !strings.HasPrefix(line, "pyfreeze: ") || rest != "" || len(line) > 2000 {
		t.Errorf("want one line that starts with \"pyfreeze: \" on standard error, got %q", o.Stderr)
	}
	for _, want := range wants {
		if !strings.Contains(strings.ToLower(line), strings.ToLower(want)) {
			t.Errorf("standard error does not say %q: %q", want, o.Stderr)
		}
	}
}

// address is what tells one run from the next in a repr: where an object or thread happens to be.
var address = regexp.MustCompile(`0x[0-9a-f]{6,}|started \d{6,}`)

// same fails the test unless the thawed command did what the plain one did.
func same(t testing.TB, plain, thawed outcome) {
	t.Helper()
	seen := func(o outcome) [3]string {
		return [3]string{o.Status, address.ReplaceAllString(o.Stdout, "ADDRESS"), address.ReplaceAllString(o.Stderr, "ADDRESS")}
	}
	if diff := cmp.Diff(seen(plain), seen(thawed)); diff != "" {
		t.Errorf("plain (-) and thawed (+) differ in status, standard output or standard error:\n%s", diff)
	}
}

// A runLog is the file in which `pyfreeze run` says whether it thawed or fell back.
type runLog struct{ path string }

type runLogEntry struct {
	Image  string `json:"image"`
	Thawed bool   `json:"thawed"`
	Reason string `json:"reason"`
}

func newRunLog(t testing.TB) runLog {
	t.Helper()
	return runLog{filepath.Join(tempDir(t), "runs.jsonl")}
}

// env is what to add to a command's environment.
func (l runLog) env() string { return "PYFREEZE_LOG=" + l.path }

func (l runLog) entries(t testing.TB) []runLogEntry {
	t.Helper()
	data, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatalf("pyfreeze run wrote no log: %v", err)
	}
	var entries []runLogEntry
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var e runLogEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		entries = append(entries, e)
	}
	return entries
}

// thawed fails the test unless exactly n runs were logged and all of them thawed.
func (l runLog) thawed(t testing.TB, n int) {
	t.Helper()
	entries := l.entries(t)
	if len(entries) != n {
		t.Errorf("%d runs in the log, want %d", len(entries), n)
	}
	for _, e := range entries {
		if !e.Thawed {
			t.Errorf("a run fell back: %s", e.Reason)
		}
	}
}

// one fails the test unless exactly one run was logged: a thaw, or where why is not "" a fallback
// for a reason that contains it.
func (l runLog) one(t testing.TB, why string) {
	t.Helper()
	if why == "" {
		l.thawed(t, 1)
	} else {
		l.fellBack(t, why)
	}
}

// fellBack fails the test unless exactly one run was logged and it fell back for a reason that
// contains want.
func (l runLog) fellBack(t testing.TB, want string) {
	t.Helper()
	entries := l.entries(t)
	if len(entries) != 1 || entries[0].Thawed || !strings.Contains(strings.ToLower(entries[0].Reason), want) {
		t.Errorf("want one fallback because of %q, got %+v", want, entries)
	}
}
