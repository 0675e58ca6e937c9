package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/cmd/pyfreeze/internal/pty"
)

// openPTY makes a pseudo-terminal: what is typed is written to master, programs run on slave.
func openPTY(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// A terminal runs one program, usually a shell, as a terminal emulator does.
type terminal struct {
	t             testing.TB
	cmd           *exec.Cmd
	master, slave *os.File
	cancel        context.CancelFunc

	mu   sync.Mutex
	seen bytes.Buffer
	done chan struct{}
}

func startTerminal(t testing.TB, c command) *terminal {
	t.Helper()
	master, slave := openPTY(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	term := &terminal{t: t, master: master, slave: slave, cancel: cancel, done: make(chan struct{})}
	term.cmd = exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	term.cmd.Dir, term.cmd.Env = c.dir, append(append(os.Environ(), "TERM=xterm", "COLUMNS=", "LINES="), c.env...)
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, slave, slave
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(term.done)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			term.mu.Lock()
			term.seen.Write(buf[:n])
			term.mu.Unlock()
			if err != nil { // EIO: nobody has the other end open any more
				return
			}
		}
	}()
	return term
}

func (term *terminal) output() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.seen.String()
}

// expect waits until the output holds text n times.
func (term *terminal) expect(text string, n int) {
	term.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for strings.Count(term.output(), text) < n {
		if time.Now().After(deadline) {
			term.t.Fatalf("the terminal never showed %q %d times:\n%q", text, n, term.output())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (term *terminal) keys(text string) {
	term.t.Helper()
	time.Sleep(100 * time.Millisecond) // as no one types while the program is still going to sleep
	if _, err := term.master.WriteString(text); err != nil {
		term.t.Fatal(err)
	}
}

// wait waits for the end and returns what was shown.
func (term *terminal) wait() outcome {
	term.t.Helper()
	defer term.cancel()
	err := term.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		term.t.Fatal(err)
	}
	// The kernel may throw away what is on its way when the last one closes the other end: our copy is
	// closed only once nothing has come for a while.
	for before := -1; len(term.output()) != before; time.Sleep(50 * time.Millisecond) {
		before = len(term.output())
	}
	if err := term.slave.Close(); err != nil {
		term.t.Fatal(err)
	}
	<-term.done
	return outcome{Stdout: term.output(), Status: status(term.cmd.ProcessState)}
}
