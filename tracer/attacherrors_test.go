package tracer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAttachErrors(t *testing.T) {
	if _, err := Attach(1 << 22); !errors.Is(err, ErrNoProcess) {
		t.Errorf("no process: %v", err)
	}
	if _, err := Attach(os.Getpid()); !errors.Is(err, ErrSelf) {
		t.Errorf("self: %v", err)
	}
	if isKernelThread(2) {
		if _, err := Attach(2); !errors.Is(err, ErrKernelThread) {
			t.Errorf("kernel thread: %v", err)
		}
	}
	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer zombie.Wait()
	eventually(t, "a zombie", func() bool { return taskState(zombie.Process.Pid, zombie.Process.Pid) == "Z" })
	if _, err := Attach(zombie.Process.Pid); !errors.Is(err, ErrZombie) {
		t.Errorf("zombie: %v", err)
	}

	tg := start(t, blocked["threads"])
	p := tg.attach()
	var leader *NotLeaderError
	if _, err := Attach(p.Threads()[1]); !errors.As(err, &leader) || leader.PID != tg.pid() {
		t.Errorf("thread id: %v", err)
	}
	var perm *PermissionError
	if _, err := Attach(tg.pid()); !errors.As(err, &perm) || perm.Reason != fmt.Sprintf("it is already traced by process %d (tracer.test)", os.Getpid()) {
		t.Errorf("traced already: %v", err)
	}
	detach(t, p)
	if _, err := p.Regs(tg.pid()); !errors.Is(err, ErrDetached) {
		t.Errorf("after Detach: %v", err)
	}
	detach(t, p) // again
}

func TestTargetKilledWhileStopped(t *testing.T) {
	tg := start(t, blocked["threads"])
	p := tg.attach()
	if err := tg.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "errors for a dead target", func() bool {
		_, err := p.Regs(tg.pid())
		return errors.Is(err, ErrNoProcess)
	})
	if _, err := p.Syscall(tg.pid(), unix.SYS_GETPID); !errors.Is(err, ErrNoProcess) {
		t.Errorf("system call: %v", err)
	}
	if err := p.RunFor(time.Millisecond); !errors.Is(err, ErrNoProcess) {
		t.Errorf("run: %v", err)
	}
	detach(t, p)
}
