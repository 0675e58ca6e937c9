package tracer

import (
	"debug/elf"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// symbol gives the address of a function of Debian's interpreter, which is at a fixed place.
func symbol(t *testing.T, name string) procmem.Addr {
	t.Helper()
	f, err := elf.Open(python)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	all, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return procmem.Addr(s.Value)
		}
	}
	t.Fatalf("no symbol %s", name)
	return 0
}

func untilWatch(t *testing.T, p *Process) (WatchEvent, error) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		ev, err := p.ContinueToWatch(time.Now().Add(50 * time.Millisecond))
		if !errors.Is(err, ErrStepTimeout) {
			return ev, err
		}
	}
	t.Fatal("nothing has happened")
	return WatchEvent{}, nil
}

// TestWatchExecute stops a process at the end of its interpreter; a child that it forked gets there unhindered, and so do its signals.
func TestWatchExecute(t *testing.T) {
	p := spawn(t, `
import os, signal, threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
got = []
signal.signal(signal.SIGUSR1, lambda *a: got.append(1))
os.kill(os.getpid(), signal.SIGUSR1)
pid = os.fork()
if pid:
    time.sleep(0.2)
    _, status = os.waitpid(pid, 0)
    if status or not got:
        os._exit(9)
`)
	at := symbol(t, "Py_FinalizeEx")
	if err := p.SetWatch(3, at, WatchExecute); err != nil {
		t.Fatal(err)
	}
	ev, err := untilWatch(t, p)
	if err != nil || ev != (WatchEvent{Hit: [Watches]bool{3: true}}) {
		t.Fatalf("%+v, %v", ev, err)
	}
	if r, err := p.Regs(p.PID()); err != nil || procmem.Addr(r.Rip) != at {
		t.Errorf("stopped at %#x, not %#x: %v", r.Rip, uint64(at), err)
	}
	if err := p.StopAll(); err != nil {
		t.Fatal(err)
	}
	if n := len(p.Threads()); n != 2 {
		t.Errorf("%d threads are stopped", n)
	}
	detach(t, p) // takes the watch away
	if ws, err := p.Wait(); err != nil || ws.ExitStatus() != 0 {
		t.Errorf("status %v, %v", ws, err)
	}
}

// TestWatchExec follows a process into another program, and to its end.
func TestWatchExec(t *testing.T) {
	p := spawn(t, `import os; os.execv("/bin/true", ["true"])`)
	if ev, err := untilWatch(t, p); err != nil || !ev.Exec {
		t.Fatalf("%+v, %v", ev, err)
	}
	var exit *ExitError
	if ev, err := untilWatch(t, p); !errors.As(err, &exit) {
		t.Fatalf("%+v, %v", ev, err)
	}
	if ws, err := p.Wait(); err != nil || ws.ExitStatus() != 0 {
		t.Errorf("status %v, %v", ws, err)
	}
}

// TestWatchAccess notices when a byte is read.
func TestWatchAccess(t *testing.T) {
	p := spawn(t, "pass")
	if err := p.SetWatch(0, entry(t, p.PID()), WatchExecute); err != nil {
		t.Fatal(err)
	}
	if _, err := untilWatch(t, p); err != nil {
		t.Fatal(err)
	}
	if err := p.ClearWatch(0); err != nil {
		t.Fatal(err)
	}
	at := symbol(t, "Py_NoSiteFlag") // read and written while Python starts
	if err := p.SetWatch(1, at, WatchAccess); err != nil {
		t.Fatal(err)
	}
	if ev, err := untilWatch(t, p); err != nil || !ev.Hit[1] {
		t.Errorf("%+v, %v", ev, err)
	}
	if err := p.SetWatch(1, at+1, WatchAccess); !errors.Is(err, unix.EINVAL) {
		t.Errorf("an odd address: %v", err)
	}
	if err := p.SetWatch(4, at, WatchExecute); !errors.Is(err, unix.EINVAL) {
		t.Errorf("watch 4: %v", err)
	}
}
