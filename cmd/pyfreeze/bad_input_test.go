package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Bad input: one clear line, the documented exit code, nothing half-written, the target unharmed.

func mustNotExist(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was left behind (%v)", path, err)
	}
}

func mustBeEmpty(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left in %s: %v %v", dir, entries, err)
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: it tries another user or mounts a file system")
	}
}

func TestAttachNoSuchProcess(t *testing.T) {
	dir := tempDir(t)
	// A pid that was in use and is free again.
	gone := exec.Command("/bin/true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []string{fmt.Sprint(gone.Process.Pid), "4194300"} {
		o := pyfreeze(t, "attach", pid, "-o", filepath.Join(dir, "i")).must(t, "exit 3")
		o.oneLine(t, pid)
	}
	mustBeEmpty(t, dir)
}

func TestAttachZombie(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	var info syscall.Stat_t
	for syscall.Stat(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid), &info) == nil {
		time.Sleep(time.Millisecond) // until it has no executable any more
	}
	dir := tempDir(t)
	pyfreeze(t, "attach", fmt.Sprint(cmd.Process.Pid), "-o", filepath.Join(dir, "i")).must(t, "exit 3").oneLine(t, "zombie")
	mustBeEmpty(t, dir)
}

func TestUsage(t *testing.T) {
	image := filepath.Join(tempDir(t), "i")
	for _, args := range [][]string{
		{"nosuchcommand"}, {"attach"}, {"attach", "1"}, {"attach", "-o", image}, {"attach", "xyz", "-o", image},
		{"attach", "-1", "-o", image}, {"attach", "0", "-o", image}, {"attach", "1", "2", "-o", image},
		{"attach", "99999999999999999999", "-o", image}, {"attach", "1", "-o", image, "--timeout", "soon"},
		{"attach", "1", "-o", ""}, {"attach", "1", "-o", image, "--nosuch"}, {"info"}, {"info", "a", "b"}, {"verify"},
	} {
		o := pyfreeze(t, args...).must(t, "exit 2")
		if o.Stderr == "" || o.Stdout != "" {
			t.Errorf("%q: usage belongs on standard error: %v", args, o)
		}
	}
	for _, args := range [][]string{{"run"}, {"run", "--nosuch", image}, {"run", "-c"}, {"run", "-c", "pass", "-m", "json", image}} {
		pyfreeze(t, args...).must(t, "exit 125")
	}
	mustNotExist(t, image)
	pyfreeze(t, "--help").must(t, "exit 0")
}

// notPython starts a program that is no Python and waits until it runs.
func notPython(t *testing.T, path string, args ...string) int {
	t.Helper()
	cmd := exec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.Process.Signal(syscall.Signal(0)) != nil {
			t.Errorf("%s ended while it was being looked at", path)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	time.Sleep(50 * time.Millisecond)
	return cmd.Process.Pid
}

func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	dir := tempDir(t)
	src, out := filepath.Join(dir, "p"+filepath.Ext(source)), filepath.Join(dir, "p")
	data, err := os.ReadFile(filepath.Join("../../testdata/native", source))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(src, data, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, command{argv: append(append([]string{"gcc", "-o", out}, flags...), src)}).must(t, "exit 0")
	return out
}

func TestAttachNotPython(t *testing.T) {
	for name, pid := range map[string]func(t *testing.T) int{
		"dynamic":  func(t *testing.T) int { return notPython(t, "/bin/sleep", "1000") },
		"static C": func(t *testing.T) int { return notPython(t, compile(t, "pause.c", "-static")) },
		"static Go": func(t *testing.T) int {
			out := filepath.Join(tempDir(t), "p")
			run(t, command{argv: []string{"go", "build", "-o", out, "../../testdata/native/pause.go"}, env: []string{"CGO_ENABLED=0"}}).must(t, "exit 0")
			return notPython(t, out)
		},
		"32-bit": func(t *testing.T) int {
			return notPython(t, compile(t, "pause32.S", "-m32", "-nostdlib", "-static"))
		},
		"deleted": func(t *testing.T) int {
			path := compile(t, "pause.c")
			pid := notPython(t, path)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			return pid
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := pid(t)
			dir := tempDir(t)
			o := pyfreeze(t, "attach", fmt.Sprint(p), "-o", filepath.Join(dir, "i")).must(t, "exit 4")
			want := "python"
			switch name {
			case "32-bit", "deleted": // what a deleted file was cannot be told
				want = name
			}
			o.oneLine(t, want)
			mustBeEmpty(t, dir)
		})
	}
}
