package tracer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// untilCall runs a process to a call that is wanted.
func untilCall(t *testing.T, run func(deadline time.Time) (Stop, error)) (Stop, error) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		ev, err := run(time.Now().Add(5 * time.Millisecond)) // short: it has to go on where it was
		if !errors.Is(err, ErrStepTimeout) {
			return ev, err
		}
	}
	t.Fatal("nothing has happened")
	return Stop{}, nil
}

// TestContinueToStop sees calls before and after they are made, and keeps one from being made by
// killing the process.
func TestContinueToStop(t *testing.T) {
	dir := t.TempDir()
	p := spawn(t, `
import os, time
os.chdir(`+"'"+dir+"'"+`)
time.sleep(0.05)
os.mkdir("first")
os.mkdir("second")
`)
	before, after := 0, 0
	ev, err := untilCall(t, func(d time.Time) (Stop, error) {
		return p.ContinueToStop(d, func(c *Call) bool {
			if c.Nr != unix.SYS_MKDIR {
				return false
			}
			if c.Done {
				if after++; c.Result != 0 {
					t.Errorf("mkdir gave %d", c.Result)
				}
			} else {
				before++
			}
			return before == 2
		})
	})
	if err != nil || ev.Call == nil || ev.Call.Done || before != 2 || after != 1 {
		t.Fatalf("%+v, %v; %d and %d calls", ev, err, before, after)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"first": true, "second": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUndoCall stops a process at a call, has it do another one meanwhile, and lets it go on: the
// call is made then, once.
func TestUndoCall(t *testing.T) {
	dir := t.TempDir()
	p := spawn(t, "import os\nos.mkdir('"+dir+"/made')\nos._exit(7)")
	ev, err := untilCall(t, func(d time.Time) (Stop, error) {
		return p.ContinueToStop(d, func(c *Call) bool { return c.Nr == unix.SYS_MKDIR && !c.Done })
	})
	if err != nil || ev.Call == nil {
		t.Fatalf("%+v, %v", ev, err)
	}
	if err := p.UndoCall(); err != nil {
		t.Fatal(err)
	}
	if pid, err := p.Syscall(p.PID(), unix.SYS_GETPID); err != nil || int(pid) != p.PID() {
		t.Errorf("an injected call gave %d, %v", pid, err)
	}
	if err := p.Detach(); err != nil {
		t.Fatal(err)
	}
	if ws, err := p.Wait(); err != nil || ws.ExitStatus() != 7 {
		t.Errorf("it ended with %v, %v", ws, err)
	}
	if _, err := os.Stat(dir + "/made"); err != nil {
		t.Error(err)
	}
}

// TestContinueToCallLate shows that a deadline that comes while the process is inside a system call
// does not make it take the end of the next one for its beginning: the call that is skipped is the
// one that was wanted, and has not been made.
func TestContinueToCallLate(t *testing.T) {
	p := spawn(t, `
import os, time
for i in range(25):
    time.sleep(0.003)
    if os.getppid() != 12345 + i:
        os._exit(i + 1)
os._exit(0)
`)
	for i := range uint64(25) {
		_, err := untilCall(t, func(d time.Time) (Stop, error) {
			_, err := p.ContinueToCall(time.Now().Add(time.Millisecond),
				func(nr uint64) bool { return nr == unix.SYS_GETPPID })
			return Stop{}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SkipCall(12345 + i); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Detach(); err != nil {
		t.Fatal(err)
	}
	if ws, err := p.Wait(); err != nil || ws.ExitStatus() != 0 {
		t.Errorf("it ended with %v, %v: a call was made that was skipped", ws, err)
	}
}

// TestContinueFamily sees what the processes do that a process starts, grandchildren too, and ends
// them before they have done it.
func TestContinueFamily(t *testing.T) {
	dir := t.TempDir()
	p, err := Spawn(Program{Path: "/bin/sh", Argv: []string{"sh", "-c",
		`a=$(dirname "$(echo /x/y)"); (true; mkdir ` + dir + `/made); exit 3`}, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	ev, err := untilCall(t, func(d time.Time) (Stop, error) {
		return p.ContinueFamily(d, func(pid int, c *Call) bool {
			seen[pid] = true
			return c.Nr == unix.SYS_MKDIR && !c.Done
		})
	})
	if err != nil || ev.Call == nil || len(seen) < 4 {
		t.Fatalf("%+v, %v; of %d processes", ev, err, len(seen))
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + "/made"); err == nil {
		t.Error("the child has made a directory")
	}
	for pid := range seen {
		if err := unix.Kill(pid, 0); err == nil {
			t.Errorf("process %d is left", pid)
		}
	}
}

// TestContinueFamilyEnds lets a process and its children come to their end.
func TestContinueFamilyEnds(t *testing.T) {
	p, err := Spawn(Program{Path: "/bin/sh", Argv: []string{"sh", "-c",
		`test "$(echo a; kill -USR1 $$; echo b)" = "a
b" && exit 5`}, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = untilCall(t, func(d time.Time) (Stop, error) {
		return p.ContinueFamily(d, func(int, *Call) bool { return false })
	})
	var exit *ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestUndoCallOutlivesUs leaves a process right after the one change by which a call is undone, as
// the kernel does when the tracer is killed: it makes the call.
func TestUndoCallOutlivesUs(t *testing.T) {
	dir := t.TempDir()
	p := spawn(t, "import os\nos.mkdir('"+dir+"/made')\nos._exit(7)")
	ev, err := untilCall(t, func(d time.Time) (Stop, error) {
		return p.ContinueToStop(d, func(c *Call) bool { return c.Nr == unix.SYS_MKDIR && !c.Done })
	})
	if err != nil || ev.Call == nil {
		t.Fatalf("%+v, %v", ev, err)
	}
	err = p.withThread(p.pid, func(th *thread) error {
		var regs unix.PtraceRegs
		if err := p.getRegs(th, &regs); err != nil {
			return err
		}
		undo(&regs)
		skipCall(&regs)
		if err := p.setRegs(th, &regs); err != nil {
			return err
		}
		return ptrace(unix.PTRACE_DETACH, th.tid, 0, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(p.PID(), &ws, 0, nil); err != nil || ws.ExitStatus() != 7 {
		t.Errorf("it ended with %#x, %v", ws, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "made")); err != nil {
		t.Error(err)
	}
}
