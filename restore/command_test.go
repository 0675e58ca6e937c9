package restore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/restore"
	"pyfreeze/restore/freeze"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/thaw"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

const python = "/usr/bin/python3.11"

// script writes a program into a directory of its own, with a place for an image.
func script(t *testing.T, text string) (path, out string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "prog.py")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path, filepath.Join(dir, "image")
}

// command are the options for a program that is run so.
func command(out string, words ...string) restore.CommandOptions {
	return restore.CommandOptions{
		Options: restore.Options{Output: out, Timeout: 20 * time.Second},
		Command: append([]string{python, "-B"}, words...),
	}
}

// TestFreezeCommand freezes a command at its exit and at a function: the image fits, tells what it
// is of, and the command went on to its end as if nothing had been.
func TestFreezeCommand(t *testing.T) {
	for _, at := range []string{"exit", "json:dumps"} {
		path, out := script(t, `
import json, sys
with open(sys.argv[1], "w") as f:
    f.write("begun")
    json.dumps([1])
    f.write(" done")
sys.exit(3)
`)
		note := filepath.Join(filepath.Dir(path), "note")
		o := command(out, path, note)
		o.At = at
		var steps []string
		o.Tell = func(step string, _, _ uint64) { steps = append(steps, step) }
		m, status, err := restore.FreezeCommand(context.Background(), o)
		if at == "json:dumps" { // a file that it writes to is open there
			var no *refuse.Error
			if !errors.As(err, &no) || m != nil || !strings.Contains(err.Error(), note) {
				t.Errorf("a command that writes to a file: %v, %v", m, err)
			}
		} else if err != nil {
			t.Fatalf("at %q: %v", at, err)
		} else if err := thaw.Fits(out); err != nil || !slices.Equal(m.Args, o.Command) ||
			m.At != "exit" {
			t.Errorf("at %q: %v; image of %q at %q", at, err, m.Args, m.At)
		}
		if b, err := os.ReadFile(note); string(b) != "begun done" || status.ExitStatus() != 3 {
			t.Errorf("at %q it ended with %d, having written %q (%v)", at, status.ExitStatus(), b, err)
		}
		if !slices.Contains(steps, "copying the process") || steps[0] != "starting "+python {
			t.Errorf("at %q the steps were %q", at, steps)
		}
	}
}

// TestFreezeAndStop ends a command where it was frozen, and reads the image's own account of it.
func TestFreezeAndStop(t *testing.T) {
	path, out := script(t, "import json, sys\njson.dumps(1)\nopen(sys.argv[1], 'w')\n")
	note := filepath.Join(filepath.Dir(path), "note")
	o := command(out, path, note)
	o.At, o.Stop = "json:dumps", true
	if _, _, err := restore.FreezeCommand(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(note); !os.IsNotExist(err) {
		t.Errorf("the command went on: %v", err)
	}
	im, err := image.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	m, err := freeze.ReadMeta(im)
	if err != nil {
		t.Fatal(err)
	}
	if m.At != o.At || !slices.Equal(m.Runs, []string{"goes on"}) || len(m.Frames) == 0 ||
		m.Frames[0].Function != "dumps" {
		t.Errorf("at %q a thaw %q, from %+v", m.At, m.Runs, m.Frames)
	}
	if err := im.Verify(nil); err != nil {
		t.Error(err)
	}
}

// TestWarmRuns runs a program again in the same process, before it is frozen.
func TestWarmRuns(t *testing.T) {
	path, out := script(t, "import sys\nopen(sys.argv[1], 'a').write(sys.argv[2])\n")
	note := filepath.Join(filepath.Dir(path), "note")
	o := command(out, path, note, "1")
	o.Warm = [][]string{{note, "2"}, {note, "3"}}
	if _, _, err := restore.FreezeCommand(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(note); string(b) != "123" || thaw.Fits(out) != nil {
		t.Errorf("the runs wrote %q (%v); the image fits: %v", b, err, thaw.Fits(out))
	}
}

// TestNothingToFreeze tries commands that come to no image, each with its own error, and no file
// left.
func TestNothingToFreeze(t *testing.T) {
	path, out := script(t, "import sys\nsys.exit(7)\n")
	var (
		write *image.WriteError
		at    *snapshot.AtError
		ended *snapshot.CommandEndedError
	)
	shell := []string{"/bin/sh", "-c", "exit 5"}
	for name, c := range map[string]struct {
		change func(*restore.CommandOptions)
		want   any
		status int
	}{
		"no directory":  {func(o *restore.CommandOptions) { o.Output = out + "/none/image" }, &write, 0},
		"no such point": {func(o *restore.CommandOptions) { o.At = "nowhere" }, &at, 0},
		"never called":  {func(o *restore.CommandOptions) { o.At = "json:dumps" }, &ended, 7},
		"no Python":     {func(o *restore.CommandOptions) { o.Command = shell }, &ended, 5},
	} {
		o := command(out, path)
		c.change(&o)
		m, status, err := restore.FreezeCommand(context.Background(), o)
		if m != nil || err == nil || !errors.As(err, c.want) || status.ExitStatus() != c.status {
			t.Errorf("%s: %v, status %d, %T %v", name, m, status.ExitStatus(), err, err)
		}
	}
	o := command(out)
	o.Command = []string{"/none/python"}
	if _, _, err := restore.FreezeCommand(context.Background(), o); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: %v", err)
	}
	if files, err := os.ReadDir(filepath.Dir(out)); err != nil || len(files) != 1 {
		t.Errorf("besides the program there are %v (%v)", files, err)
	}
}

// TestAttach freezes a process that runs, and goes on.
func TestAttach(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8") // the process has no locale, so the image is none for us
	_, out := script(t, "")
	pid := target.Start(t, python, "import time\nprint('ready')\nwhile 1: time.sleep(0.01)")
	m, err := restore.Attach(context.Background(), pid,
		restore.Options{Output: out, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if m.PID != pid || m.At != "" || len(m.Runs) == 0 {
		t.Errorf("process %d at %q, a thaw %q", m.PID, m.At, m.Runs)
	}
	var unfit *guard.UnfitError
	if err := thaw.Fits(out); !errors.As(err, &unfit) ||
		!strings.Contains(unfit.Reason, "UTF-8 mode") {
		t.Errorf("with another locale: %v", err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || !strings.Contains(string(b), "TracerPid:\t0\n") ||
		strings.Contains(string(b), "State:\tT") {
		t.Errorf("the process does not go on: %s (%v)", b, err)
	}
}

// TestAttachToNothing tries what is no interpreter, and nothing at all.
func TestAttachToNothing(t *testing.T) {
	_, out := script(t, "")
	o := restore.Options{Output: out, Timeout: 20 * time.Second}
	pid := target.Start(t, python, "import time\nprint('ready')\ntime.sleep(3600)")
	var not *symbols.NotPythonError
	if _, err := restore.Attach(context.Background(), os.Getpid(), o); !errors.As(err, &not) {
		t.Errorf("to this process: %v", err)
	}
	_, err := restore.Attach(context.Background(), 1<<22+1, o)
	if !errors.Is(err, tracer.ErrNoProcess) {
		t.Errorf("to no process: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := restore.Attach(ctx, pid, o); !errors.Is(err, context.Canceled) {
		t.Errorf("when told to stop: %v", err)
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Errorf("the process is gone: %v", err)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("an image is left: %v", err)
	}
}
