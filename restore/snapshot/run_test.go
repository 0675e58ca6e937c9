package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/target"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// running is a command of a test. A shell has sent its output to files, and made way for it.
type running struct {
	*Command
	t   *testing.T
	dir string // the working directory
}

// begin starts a command, stopped before the first instruction of the shell. Whatever becomes of
// the test, it is killed with it.
func begin(t *testing.T, argv ...string) *running {
	t.Helper()
	return beginIn(t, t.TempDir(), `exec "$@"`, argv...)
}

// beginIn is begin in a directory, with a line of the shell that starts the command.
func beginIn(t *testing.T, dir, line string, argv ...string) *running {
	t.Helper()
	c, err := StartCommand(tracer.Program{Path: "/bin/sh", Dir: dir,
		Argv: append([]string{"sh", "-c", "exec <&- >out 2>err </dev/null; " + line, "sh"}, argv...),
		Env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Kill() // it has ended, as a rule
		_, _ = c.Wait(context.Background())
	})
	return &running{c, t, dir}
}

// write writes a file into the working directory.
func write(t *testing.T, dir, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// to runs the command to a point.
func (r *running) to(point string) error {
	r.t.Helper()
	at, err := ParseAt(point)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.toPython(); err != nil {
		return err
	}
	return r.ToPoint(context.Background(), at)
}

// toPython runs the command to where the interpreter begins its program.
func (r *running) toPython() error {
	r.t.Helper()
	if err := r.ToPython(context.Background()); err != nil {
		return err
	}
	lay, err := symbols.LoadLayout(r.Interpreter().Module.File)
	if err != nil {
		r.t.Fatal(err)
	}
	r.UseLayout(lay)
	return nil
}

// at is to, and must come there.
func (r *running) at(point string) *running {
	r.t.Helper()
	if err := r.to(point); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// fork copies the command.
func (r *running) fork() *Copy {
	r.t.Helper()
	c, err := r.Fork(context.Background(), []byte("N"), nil) // None, marshalled
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// read returns a file of the working directory.
func (r *running) read(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// goesOn lets the command go, and says how it ended: exit status and output.
func (r *running) goesOn() (status syscall.WaitStatus, out string) {
	r.t.Helper()
	if err := r.Release(); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	status, err := r.Wait(ctx)
	if err != nil {
		r.t.Fatalf("the command does not come to its end: %v", err)
	}
	return status, r.read("out") + r.read("err")
}

// heapOf opens the objects of a copy.
func heapOf(t *testing.T, c *Copy) *pyheap.Heap {
	t.Helper()
	h, err := pyheap.Open(c.Space, c.Interp, c.Layout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// each runs a test with every interpreter.
func each(t *testing.T, test func(t *testing.T, exe string)) {
	for _, exe := range target.Interpreters(t) {
		t.Run(strings.ReplaceAll(strings.TrimPrefix(exe, "/"), "/", "-"), func(t *testing.T) {
			test(t, exe)
		})
	}
}
