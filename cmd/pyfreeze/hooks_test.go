package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hooksPlain is what hooks.py prints that no hook has run in.
const hooksPlain = "before the point ['a'] []\nopen\n4 []\n"

// freezeHooked freezes hooks.py, whose command must not notice any hook.
func freezeHooked(t *testing.T, py, image string, flags ...string) outcome {
	t.Helper()
	argv := append([]string{binary, "freeze", "-o", image}, flags...)
	o := run(t, command{argv: append(argv, "--", py, program("hooks.py"), "a")}).must(t, "exit 0")
	told := "from a hook at the freeze\n"
	if got := strings.Replace(o.Stdout, told, "", 1); !strings.HasPrefix(got, hooksPlain) ||
		strings.Count(o.Stdout, told) != 1 || o.Stderr != "" {
		t.Errorf("the command and the hooks said %q, %q", o.Stdout, o.Stderr)
	}
	return o
}

// TestHooks runs what a program has registered for a snapshot in a child of its command, the last
// one first, and what it has registered for a restore in each thaw, in order.
func TestHooks(t *testing.T) {
	ran := "['second before', 'first before', 'first after', 'connected', 'own', 'of the script']"
	for _, py := range []string{python, aPyenv(t, "3.12")} {
		for at, want := range map[string]string{
			// What the prefix has written waits for each thaw. The connection was closed at the
			// freeze.
			"__main__:main": "before the point from a hook of the thaw\n['b'] " + ran + "\nopen\n4 []\n",
			// The script runs again: it connects once more, and registers its own function anew.
			// Whose log.append is nobody can tell.
			"exit": "from a hook of the thaw\nbefore the point ['b'] " +
				strings.Replace(ran, "]", ", 'connected']", 1) + "\nopen\n5 []\n",
		} {
			t.Run(filepath.Base(filepath.Dir(filepath.Dir(py)))+"-"+at, func(t *testing.T) {
				image, log := filepath.Join(tempDir(t), "i"), newRunLog(t)
				freezeHooked(t, py, image, "--at", at)
				for range 2 {
					got := run(t, command{argv: []string{binary, "run", image, "b"}, env: []string{log.env()}})
					if diff := cmp.Diff(want, got.Stdout); diff != "" || got.Stderr != "" {
						t.Error(diff, got.Stderr)
					}
				}
				log.thawed(t, 2)
			})
		}
	}
}

// TestHooksFound has a program whose point is found: that it registers hooks hinders nothing.
func TestHooksFound(t *testing.T) {
	dir := tempDir(t)
	image, script := filepath.Join(dir, "i"), filepath.Join(dir, "found.py")
	text := `
import sys
sys.path.append('` + filepath.Dir(program("x")) + `')
from snapshot_restore_py import register_before_snapshot, register_after_restore
ran = []
register_before_snapshot(ran.append, 'before')
register_after_restore(ran.append, 'after')
def main():
    print(sys.argv[1:], ran)
main()
`
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o := pyfreeze(t, "freeze", "-o", image, "--", python, script, "a").must(t, "exit 0")
	if !strings.HasPrefix(o.Stdout, "['a'] []\n") ||
		!strings.Contains(o.Stdout, "in main, before the program reads its arguments") {
		t.Error(o.Stdout)
	}
	got := pyfreeze(t, "run", "-v", image, "b").must(t, "exit 0")
	if got.Stdout != "['b'] ['before', 'after']\n" || got.Stderr != "" {
		t.Errorf("%q, %q", got.Stdout, got.Stderr)
	}
}

// TestHooksFail has a hook fail: at the freeze there is no image, at a thaw the plain command runs
// and people are told.
func TestHooksFail(t *testing.T) {
	for how, want := range map[string]string{
		"second before":            "ValueError: it fails second before",
		"second before by exit":    "SystemExit: 3",
		"second before by the end": "it ended the process",
	} {
		image := filepath.Join(tempDir(t), "i")
		got := run(t, command{env: []string{"FAILS=" + how}, argv: []string{binary, "freeze", "-o", image,
			"--at", "__main__:main", "--", python, program("hooks.py"), "a"}}).must(t, "exit 6")
		if !strings.Contains(got.Stderr, "failed: "+want+"\n") ||
			!strings.Contains(got.Stdout, hooksPlain) {
			t.Errorf("%s: %q, %q", how, got.Stdout, got.Stderr)
		}
		mustNotExist(t, image)
	}
	for how, want := range map[string]string{
		"first after":         "ValueError: it fails first after",
		"first after by exit": "SystemExit: 3",
	} {
		for _, at := range []string{"__main__:main", "exit"} {
			image, log, env := filepath.Join(tempDir(t), "i"), newRunLog(t), []string{"FAILS=" + how}
			run(t, command{env: env, argv: []string{binary, "freeze", "-o", image, "--at", at, "--",
				python, program("hooks.py"), "a"}}).must(t, "exit 0")
			got := run(t, command{env: append(env, log.env()), argv: []string{binary, "run", image, "a"}})
			line := "pyfreeze: plain start: a function that was registered by register_after_restore failed: "
			if got.Stdout != hooksPlain || got.Stderr != line+want+"\n" || got.Status != "exit 0" {
				t.Errorf("%s: %v", how, got)
			}
			log.one(t, strings.ToLower(want))
			got = run(t, command{env: env, argv: []string{binary, "run", "-v", image, "a"}})
			if !strings.HasPrefix(got.Stderr, "Traceback") && how == "first after" {
				t.Errorf("-v tells %q", got.Stderr)
			}
		}
	}
}

// TestHooksInterrupted interrupts a thaw while a hook waits: that ends it, and nothing else runs.
func TestHooksInterrupted(t *testing.T) {
	image, env := filepath.Join(tempDir(t), "i"), append(os.Environ(), "FAILS=first after by waiting")
	run(t, command{env: env, argv: []string{binary, "freeze", "-o", image, "--at", "__main__:main",
		"--", python, program("hooks.py"), "a"}}).must(t, "exit 0")
	cmd := exec.Command(binary, "run", image, "b")
	cmd.Env = env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := out.Read(buf)
	if err != nil || !strings.HasSuffix(string(buf[:n]), "waiting\n") {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	time.Sleep(100 * time.Millisecond) // it is in pause() then; earlier it would be as well
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	n, _ = out.Read(buf)
	_ = cmd.Wait() // its status is looked at
	if status(cmd.ProcessState) != "signal: interrupt" || n > 0 {
		t.Errorf("it said %q, and ended with %v", buf[:n], cmd.ProcessState)
	}
}

// TestHooksThreads refuses to keep all threads where hooks are to run in a child.
func TestHooksThreads(t *testing.T) {
	image := filepath.Join(tempDir(t), "i")
	got := pyfreeze(t, "freeze", "-o", image, "--threads", "--at", "__main__:main", "--", python,
		program("hooks.py"), "a").must(t, "exit 6")
	if !strings.Contains(got.Stderr, "register_before_snapshot") ||
		!strings.Contains(got.Stderr, "without --threads") ||
		!strings.Contains(got.Stdout, hooksPlain) {
		t.Error(got)
	}
}
