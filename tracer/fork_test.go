package tracer

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFork takes the child of a fork that a program makes: it is stopped where the fork returns,
// has memory of its own, and its parent finds out when it ends.
func TestFork(t *testing.T) {
	p, err := Spawn(Program{Path: "/bin/sh", Argv: []string{"sh", "-c",
		`(exit 3); test $? = 137 && exit 42`}, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	toFork := func(nr uint64) bool { return nr == unix.SYS_CLONE }
	if _, err := p.ContinueToCall(time.Now().Add(time.Minute), toFork); err != nil {
		t.Fatal(err)
	}
	child, err := p.Fork()
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(child.PID()) + "/stat")
	if err != nil || !strings.Contains(string(stat), ") t "+strconv.Itoa(p.PID())+" ") {
		t.Errorf("the child: %s, %v", stat, err)
	}
	regs, err := child.Regs(child.PID())
	if err != nil || regs.Rax != 0 {
		t.Errorf("the fork returned %d in it, %v", regs.Rax, err)
	}
	at := stackPointer(&regs)
	if _, err := child.WriteAt([]byte{1, 2, 3}, at); err != nil {
		t.Error(err)
	}
	var mine, its [3]byte
	_, err = child.ReadAt(mine[:], at)
	_, err2 := p.ReadAt(its[:], at)
	if err != nil || err2 != nil || mine != [3]byte{1, 2, 3} || its == mine {
		t.Errorf("the child has %v, its parent %v (%v, %v)", mine, its, err, err2)
	}
	if err := child.Detach(); err != nil {
		t.Error(err)
	}
	if err := p.Detach(); err != nil {
		t.Error(err)
	}
	if status, err := p.Wait(); err != nil || status.ExitStatus() != 42 {
		t.Errorf("the parent ended with %v, %v", status, err)
	}
}

// TestForkFails has a fork that the kernel refuses.
func TestForkFails(t *testing.T) {
	p, err := Spawn(Program{Path: "/bin/sh", Argv: []string{"sh", "-c", `(exit 3); exit 5`},
		Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = p.Wait() }()
	toFork := func(nr uint64) bool { return nr == unix.SYS_CLONE }
	if _, err := p.ContinueToCall(time.Now().Add(time.Minute), toFork); err != nil {
		t.Fatal(err)
	}
	regs, err := p.Regs(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	regs.Rdi = unix.CLONE_FS | unix.CLONE_NEWNS // which exclude each other
	if err := p.SetRegs(p.PID(), regs); err != nil {
		t.Fatal(err)
	}
	child, err := p.Fork()
	var twin *TwinError
	if child != nil || !errors.As(err, &twin) || !errors.Is(err, syscall.EINVAL) {
		t.Errorf("%v, %v", child, err)
	}
}
