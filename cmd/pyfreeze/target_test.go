package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pyfreeze/cmd/pyfreeze/internal/cmdserver"
)

// What a target must not notice: the tests of this file look at it before, during and after attach.

func newHG(t *testing.T) *cmdserver.Server {
	t.Helper()
	s, err := startHG(filepath.Join(tempDir(t), "repo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serves fails the test unless the server answers a command rightly.
func serves(t testing.TB, s *cmdserver.Server) {
	t.Helper()
	res, err := s.Run("log", "-T", "{rev} {desc}\n")
	if err != nil || string(res.Stdout) != "0 first\n" || res.Code != 0 {
		t.Fatalf("the target answers %q %q %d: %v", res.Stdout, res.Stderr, res.Code, err)
	}
}

func attach(t testing.TB, pid int, image string, flags ...string) outcome {
	t.Helper()
	return run(t, command{argv: append([]string{binary, "attach", fmt.Sprint(pid), "-o", image}, flags...)})
}

func TestAttachLeavesTargetAsItWas(t *testing.T) {
	s := newHG(t)
	if err := s.Warm(1); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(tempDir(t), "hg.pyfreeze")
	time.Sleep(100 * time.Millisecond) // let it block in its read
	before := takeSnapshot(t, s.PID())
	o := attach(t, s.PID(), image).must(t, "exit 0")
	waitSame(t, s.PID(), before)
	if !strings.Contains(o.Stdout, "stopped") {
		t.Errorf("the summary does not say how long the target was stopped: %q", o.Stdout)
	}
	info, err := os.Stat(image)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("image: %v %v, want mode 0600", info.Mode(), err)
	}
	serves(t, s)
}

func TestAttachLeavesThreadsAsTheyWere(t *testing.T) {
	tg := newTarget(t, "blocked-threads", targetOptions{})
	before := takeSnapshot(t, tg.pid())
	if len(before.Regs) < 4 {
		t.Fatalf("only %d threads", len(before.Regs))
	}
	attach(t, tg.pid(), filepath.Join(tempDir(t), "i")).must(t, "exit 0")
	waitSame(t, tg.pid(), before)
}

// TestAttachStoppedTarget freezes a target that ^Z has stopped: it must stay stopped, and go on
// when it is told to.
func TestAttachStoppedTarget(t *testing.T) {
	tg := newTarget(t, "blocked", targetOptions{})
	if err := tg.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	state := func() string {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tg.pid()))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "State:\t")
		return rest[:1]
	}
	for state() != "T" {
		time.Sleep(time.Millisecond)
	}
	attach(t, tg.pid(), filepath.Join(tempDir(t), "i")).must(t, "exit 0")
	time.Sleep(100 * time.Millisecond)
	if got := state(); got != "T" {
		t.Errorf("state after attach: %s, want T", got)
	}
	if err := tg.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// TestLongAttach200TimesUnderLoad freezes one hg again and again while it serves commands without a
// pause, and checks every answer.
func TestLongAttach200TimesUnderLoad(t *testing.T) {
	s := newHG(t)
	dir := tempDir(t)
	stop := make(chan struct{})
	var load sync.WaitGroup
	var served int
	var failure error
	load.Go(func() {
		for failure == nil {
			select {
			case <-stop:
				return
			default:
			}
			res, err := s.Run("log", "-T", "{rev} {desc}\n")
			if err != nil || string(res.Stdout) != "0 first\n" {
				failure = fmt.Errorf("answer %d: %q %q %v", served, res.Stdout, res.Stderr, err)
			}
			served++
		}
	})
	image := filepath.Join(dir, "hg.pyfreeze")
	var worst time.Duration
	for i := range 200 {
		o := attach(t, s.PID(), image)
		if o.Status != "exit 0" {
			t.Errorf("attach %d: %v", i, o)
			break
		}
		worst = max(worst, o.took)
	}
	close(stop)
	load.Wait()
	if failure != nil {
		t.Fatal(failure)
	}
	t.Logf("%d commands served meanwhile; slowest attach %v", served, worst)
	if served < 200 {
		t.Errorf("only %d commands were served during 200 attaches", served)
	}
	serves(t, s)
	pyfreeze(t, "verify", image).must(t, "exit 0")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the directory: %v %v", left, err)
	}
	log := newRunLog(t)
	run(t, command{argv: []string{binary, "run", image, "version", "-q"}, env: []string{log.env()}}).must(t, "exit 0")
	log.thawed(t, 1)
}

// TestKilledPyfreezeLeavesTargetRunning kills pyfreeze at many moments of its work.
func TestKilledPyfreezeLeavesTargetRunning(t *testing.T) {
	s := newHG(t)
	dir := tempDir(t)
	image := filepath.Join(dir, "hg.pyfreeze")
	time.Sleep(100 * time.Millisecond)
	before := takeSnapshot(t, s.PID())
	whole := attach(t, s.PID(), image).must(t, "exit 0").took
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	const tries = 40
	killed := 0
	for i := range tries {
		cmd := exec.Command(binary, "attach", fmt.Sprint(s.PID()), "-o", image)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(whole * time.Duration(i) / tries)
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			continue // it was done before
		}
		killed++
		if _, err := os.Stat(image); err == nil {
			// Renamed just before the kill: then it must be whole.
			pyfreeze(t, "verify", image).must(t, "exit 0")
			if err := os.Remove(image); err != nil {
				t.Fatal(err)
			}
		}
		waitSame(t, s.PID(), before)
		serves(t, s)
		time.Sleep(20 * time.Millisecond)
		before = takeSnapshot(t, s.PID()) // serving changes its memory
		if t.Failed() {
			t.Fatalf("after kill %d at %v of %v", i, whole*time.Duration(i)/tries, whole)
		}
	}
	if killed < tries/2 {
		t.Errorf("only %d of %d were killed in time", killed, tries)
	}
}
