package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/cmd/pyfreeze/internal/pty"
)

// maxRun is how long one run of a program may take.
const maxRun = time.Minute

// bench is the place where one program is tried.
type bench struct {
	p        *program
	pyfreeze string
	server   *server
	venv     string // its virtual environment; "" for Debian's
	base     string // holds the rest
	template string // what each run gets a copy of: home and work
	place    string // that copy, always at the same path: programs print it
	work     string // the working directory, in it
	after    bool   // the files that are written after the freeze are there
	log      string
	times    stopwatch
	made     time.Time // of the files that are written: byte code has it
}

func newBench(ctx context.Context, p *program, pyfreeze, base string, s *server) (*bench, error) {
	b := &bench{p: p, pyfreeze: pyfreeze, server: s, base: base, template: filepath.Join(base, "template"),
		place: filepath.Join(base, "place"), log: filepath.Join(base, "log"), made: time.Now()}
	b.work = filepath.Join(b.place, "work")
	if err := b.findVenv(ctx); err != nil {
		return nil, err
	}
	for _, dir := range []string{b.work, filepath.Join(b.place, "home")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := b.write(p.files); err != nil {
		return nil, err
	}
	// Prepared at the path where it will be used, then moved away.
	for _, line := range p.prepare {
		words, stdin := split(b.fill(line))
		if o, err := b.run(ctx, words, stdin, false); err != nil || o.status != "exit status 0" {
			return nil, fmt.Errorf("preparing %s: %q: %v %s, %s", p.name, line, err, o.status, o.stderr)
		}
	}
	return b, os.Rename(b.place, b.template)
}

func (b *bench) findVenv(ctx context.Context) (err error) {
	if b.p.venv == "" {
		return nil
	}
	if b.venv, err = findVenv(b.p.venv); err != nil || len(b.p.plugin) == 0 {
		return err
	}
	own := filepath.Join(b.base, "venv")
	if err := ownVenv(ctx, b.venv, own); err != nil {
		return err
	}
	b.venv = own
	return nil
}

// write makes files in the working directory.
func (b *bench) write(files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(b.work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(b.fill(text)), mode); err != nil {
			return err
		}
		if err := os.Chtimes(path, b.made, b.made); err != nil {
			return err
		}
	}
	return nil
}

// fill puts the address of the server and where things are into a text.
func (b *bench) fill(text string) string {
	return strings.NewReplacer("{SERVER}", b.server.addr, "{VENV}", b.venv, "{PLACE}", b.place).Replace(text)
}

// fresh makes the directory of a run anew; times of files stay, since programs and images keep them.
func (b *bench) fresh(ctx context.Context) error {
	if err := os.RemoveAll(b.place); err != nil {
		return err
	}
	b.server.reset()
	if out, err := exec.CommandContext(ctx, "cp", "-a", b.template, b.place).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	if b.after {
		return b.write(b.p.after)
	}
	return nil
}

// elsewhere moves the working directory of the next run: for the one that is frozen.
func (b *bench) elsewhere() error {
	other := filepath.Join(b.base, "other")
	if err := os.RemoveAll(other); err != nil {
		return err
	}
	if err := os.Rename(b.work, other); err != nil {
		return err
	}
	b.work = other
	return nil
}

// environ is that of a user who has activated the virtual environment.
func (b *bench) environ() []string {
	path := "/usr/local/bin:/usr/bin:/bin"
	if b.venv != "" {
		path = filepath.Join(b.venv, "bin") + ":" + path
	}
	env := append([]string{"PATH=" + path, "HOME=" + filepath.Join(b.place, "home"), "LANG=C.UTF-8", "TZ=UTC", "TERM=xterm",
		"PAGER=cat", "EDITOR=true", // nobody types

		"PYTHONHASHSEED=0", // no two plain runs need agree on the order of sets otherwise

		"PYFREEZE_LOG=" + b.log}, b.p.env...)
	for i := range env {
		env[i] = b.fill(env[i])
	}
	return env
}

// outcome is all that a run leaves behind.
type outcome struct {
	stdout, stderr, status string        // a terminal has both in stdout
	files, requests        string        // what it wrote, what it asked the server for
	took                   time.Duration // of the processor: a busy machine changes little in it
}

// run starts a program in a session of its own, on a terminal or without one.
func (b *bench) run(ctx context.Context, argv []string, stdin string, terminal bool) (o outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = b.work, b.environ(), time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	seen := func() error { return nil }
	if terminal {
		if seen, err = onTerminal(cmd, &stdout); err != nil {
			return o, err
		}
	}
	if stdin != "" {
		f, err := os.Open(filepath.Join(b.work, stdin))
		if err != nil {
			return o, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	err = cmd.Run()
	if cmd.ProcessState != nil {
		o.took = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return o, errors.Join(err, seen())
	}
	if err := seen(); err != nil {
		return o, err
	}
	if ctx.Err() != nil {
		return o, fmt.Errorf("%q did not end in %v: %q %q", argv, maxRun, stdout.String(), stderr.String())
	}
	o.stdout, o.stderr, o.status = stdout.String(), stderr.String(), "exit status 0"
	if err != nil {
		o.status = err.Error()
	}
	return o, nil
}

// onTerminal gives a command a terminal; the function that it returns waits for all that was shown.
func onTerminal(cmd *exec.Cmd, to io.Writer) (seen func() error, err error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 1 // standard output: input may be a file
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(to, master) // EIO when nobody has the other end open any more
	}()
	return func() error {
		// Nobody types: who still reads sees the end.
		err := slave.Close()
		select {
		case <-done:
		case <-time.After(time.Second): // a process that was left behind has it
		}
		if e := master.Close(); err == nil {
			err = e
		}
		<-done
		return err
	}, nil
}

// compared runs a case in a fresh directory and gives what is compared.
func (b *bench) compared(ctx context.Context, argv []string, line string, terminal bool) (o outcome, err error) {
	words, stdin := split(b.fill(line))
	if err := b.fresh(ctx); err != nil {
		return o, err
	}
	argv = append(argv[:len(argv):len(argv)], words...)
	if o, err = b.run(ctx, argv, stdin, terminal); err != nil {
		return o, err
	}
	if o.files, err = listing(b.place, b.p.caches); err != nil {
		return o, err
	}
	o.requests = b.server.seen()
	for _, text := range []*string{&o.stdout, &o.stderr, &o.files, &o.requests} {
		for _, v := range b.p.varies {
			*text = v.ReplaceAllString(*text, "(varies)")
		}
	}
	return o, nil
}

// merged is one set of files over another.
func merged(below, above map[string]string) map[string]string {
	out := maps.Clone(below)
	maps.Copy(out, above)
	return out
}
