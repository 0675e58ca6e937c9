package tracer

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

func spawn(t *testing.T, code string) *Process {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Skipf("no interpreter to start: %v", err)
	}
	p, err := Spawn(Program{Path: python, Argv: []string{"python3.11", "-c", code}, Env: []string{"PYTHONHASHSEED=0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		_, _ = p.Wait()
	})
	return p
}

func TestSpawnExitStatus(t *testing.T) {
	p := spawn(t, "import sys; sys.exit(7)")
	if _, err := p.Syscall(p.PID(), unix.SYS_GETPID); err != nil {
		t.Error(err)
	}
	detach(t, p)
	if ws, err := p.Wait(); err != nil || ws.ExitStatus() != 7 {
		t.Errorf("status %v, %v", ws, err)
	}
	if ws, err := p.Wait(); err != nil || ws.ExitStatus() != 7 {
		t.Errorf("second Wait: %v, %v", ws, err)
	}
}

func TestSpawnKill(t *testing.T) {
	p := spawn(t, "input()")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if ws, err := p.Wait(); err != nil || ws.Signal() != syscall.SIGKILL {
		t.Errorf("status %v, %v", ws, err)
	}
}

func TestSpawnErrors(t *testing.T) {
	if _, err := Spawn(Program{Path: "/nonexistent", Argv: []string{"x"}, Env: nil}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	if _, err := Spawn(Program{Path: "/etc/passwd", Argv: []string{"x"}, Env: nil}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("not executable: %v", err)
	}
}

// entry gives the program's entry point from the auxiliary vector.
func entry(t *testing.T, pid int) procmem.Addr {
	t.Helper()
	auxv, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/auxv")
	if err != nil {
		t.Fatal(err)
	}
	for ; len(auxv) >= 16; auxv = auxv[16:] {
		if order32(auxv) == 9 { // AT_ENTRY
			return procmem.Addr(uint64(order32(auxv[8:])) | uint64(order32(auxv[12:]))<<32)
		}
	}
	t.Fatal("no AT_ENTRY")
	return 0
}

func TestBreakpointAtEntry(t *testing.T) {
	p := spawn(t, "import sys; sys.exit(9)")
	at := entry(t, p.PID())
	old := make([]byte, 1)
	if _, err := p.ReadAt(old, at); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteAt([]byte{0xcc}, at); err != nil {
		t.Fatal(err)
	}
	if err := p.Continue(p.PID(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	regs, err := p.Regs(p.PID())
	if err != nil || procmem.Addr(regs.Rip) != at+1 {
		t.Fatalf("stopped at %#x (%v), want %v", regs.Rip, err, at+1)
	}
	regs.Rip--
	if err := p.SetRegs(p.PID(), regs); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteAt(old, at); err != nil {
		t.Fatal(err)
	}
	// It is up and running: ld.so is done.
	page, err := p.Syscall(p.PID(), unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("/nonexistent\x00")
	if _, err := p.WriteAt(text, procmem.Addr(page)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Syscall(p.PID(), unix.SYS_ACCESS, page, 0); err != syscall.ENOENT {
		t.Errorf("access gives %v, want ENOENT", err)
	}
	back := make([]byte, len(text))
	if _, err := p.ReadAt(back, procmem.Addr(page)); err != nil || !bytes.Equal(back, text) {
		t.Errorf("read back %q, %v", back, err)
	}
	if _, err := p.Syscall(p.PID(), unix.SYS_MUNMAP, page, 4096); err != nil {
		t.Error(err)
	}
	if _, err := p.WriteAt(text, procmem.Addr(page)); !errors.Is(err, procmem.ErrUnmapped) {
		t.Errorf("write to unmapped memory: %v", err)
	}
	detach(t, p)
	if ws, err := p.Wait(); err != nil || ws.ExitStatus() != 9 {
		t.Errorf("status %v, %v", ws, err)
	}
}

func TestContinueTimesOut(t *testing.T) {
	p := spawn(t, "while 1: pass")
	if err := p.Continue(p.PID(), 50*time.Millisecond); !errors.Is(err, ErrStepTimeout) {
		t.Fatalf("Continue: %v", err)
	}
	// It is stopped, and can be worked with.
	if got, err := p.Syscall(p.PID(), unix.SYS_GETPID); err != nil || int(got) != p.PID() {
		t.Errorf("getpid gives %d, %v", got, err)
	}
	if err := steps(p, p.PID(), 10); err != nil {
		t.Error(err)
	}
	if err := p.RunFor(10 * time.Millisecond); err != nil {
		t.Error(err)
	}
}

func TestExitWhileContinued(t *testing.T) {
	p := spawn(t, "import sys; sys.exit(5)")
	var exit *ExitError
	if err := p.Continue(p.PID(), 10*time.Second); !errors.As(err, &exit) || exit.Status != 5 {
		t.Errorf("Continue: %v", err)
	}
	if ws, err := p.Wait(); err != nil || ws.ExitStatus() != 5 {
		t.Errorf("status %v, %v", ws, err)
	}
}

// TestSyscallKeepsTrapAction injects a call into a process that handles SIGTRAP: a step with the
// signal blocked would take the action away.
func TestSyscallKeepsTrapAction(t *testing.T) {
	p := spawn(t, "import signal; signal.signal(signal.SIGTRAP, lambda *a: None); input()")
	action := func() (a [4]uint64) {
		t.Helper()
		at, err := p.Syscall(p.PID(), unix.SYS_MMAP, 0, 4096,
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0)
		if err == nil {
			_, err = p.Syscall(p.PID(), unix.SYS_RT_SIGACTION, uint64(unix.SIGTRAP), 0, at, 8)
		}
		var b [32]byte
		if err == nil {
			_, err = p.ReadAt(b[:], procmem.Addr(at))
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range a {
			a[i] = uint64(order32(b[8*i:])) | uint64(order32(b[8*i+4:]))<<32
		}
		return a
	}
	set := [4]uint64{0x1000, 0x04000000, 0x2000, 0}
	at, err := p.Syscall(p.PID(), unix.SYS_MMAP, 0, 4096,
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, v := range set {
		for i := range 8 {
			b = append(b, byte(v>>(8*i)))
		}
	}
	if _, err := p.WriteAt(b, procmem.Addr(at)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Syscall(p.PID(), unix.SYS_RT_SIGACTION, uint64(unix.SIGTRAP), at, 0, 8); err != nil {
		t.Fatal(err)
	}
	if got := action(); got != set {
		t.Errorf("the action for SIGTRAP is %#x, want %#x", got, set)
	}
}
