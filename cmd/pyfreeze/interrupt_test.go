package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// noChildren fails the test unless a process has none, also none that is dead.
func noChildren(t *testing.T, pid int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil || len(b) != 0 {
		t.Errorf("the target has the children %q (%v)", b, err)
	}
}

// TestKilledWhileTargetIsBusy kills pyfreeze at random moments while it looks for the safe point of a
// target that computes, and checks its results.
func TestKilledWhileTargetIsBusy(t *testing.T) {
	tg := newTarget(t, "busy", targetOptions{})
	image := filepath.Join(tempDir(t), "i")
	whole := attach(t, tg.pid(), image).must(t, "exit 0").took
	for i := range 100 {
		cmd := exec.Command(binary, "attach", fmt.Sprint(tg.pid()), "-o", image)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int63n(int64(whole) / 2)))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err := tg.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Fatalf("after kill %d: %v", i, err)
		}
	}
	time.Sleep(100 * time.Millisecond) // a twin ends
	noChildren(t, tg.pid())
	attach(t, tg.pid(), image).must(t, "exit 0")
}

// TestInterruptedAttach ends pyfreeze by a signal while it waits for a target that comes to no safe
// point: the target goes on, no image is written, and the shell sees the signal.
func TestInterruptedAttach(t *testing.T) {
	tg := newTarget(t, "one-long-call", targetOptions{})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		interrupted := 0
		for i := range 6 {
			dir := tempDir(t)
			cmd := exec.Command(binary, "attach", fmt.Sprint(tg.pid()), "-o", filepath.Join(dir, "i"))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(20+15*i) * time.Millisecond)
			_ = cmd.Process.Signal(sig)
			_ = cmd.Wait()
			ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if ws.Exited() && ws.ExitStatus() == 0 {
				continue
			}
			if !ws.Signaled() || ws.Signal() != sig {
				t.Errorf("%v: status %v, %q", sig, ws, stderr.String())
			}
			if strings.Contains(stderr.String(), "no image was written") {
				interrupted++
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("%v: left in the directory: %v %v", sig, left, err)
			}
		}
		if interrupted == 0 {
			t.Errorf("%v never came while pyfreeze was at work", sig)
		}
	}
	noChildren(t, tg.pid())
}
