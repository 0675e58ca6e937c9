package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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

// A target is a running testdata/python/target.py.
type target struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// targetOptions change how target.py is started. The zero value is Debian's python as this user.
type targetOptions struct {
	python string
	uid    int
	env    []string
	dir    string // working directory
}

// startTarget starts target.py in a mode and waits until it is ready.
func startTarget(mode string, opt targetOptions) (*target, error) {
	return startProgram(program("target.py"), mode, opt)
}

func startProgram(script, mode string, opt targetOptions) (*target, error) {
	argv := []string{python, script, mode}
	if opt.python != "" {
		argv[0] = opt.python
	}
	if opt.uid != 0 {
		argv = append([]string{"/usr/bin/setpriv", fmt.Sprintf("--reuid=%d", opt.uid),
			fmt.Sprintf("--regid=%d", opt.uid), "--clear-groups"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = append(os.Environ(), opt.env...), opt.dir
	return startReady(cmd)
}

// startReady starts a program and waits until it says that it is ready.
func startReady(cmd *exec.Cmd) (*target, error) {
	tg := &target{cmd: cmd}
	// A file: the thawed processes, whose standard error is a pipe, must not think it can be sought in.
	stderr, err := os.CreateTemp(baseDir, "stderr")
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	tg.cmd.Stderr = stderr
	if tg.in, err = tg.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := tg.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	tg.out = bufio.NewReader(stdout)
	if err := tg.cmd.Start(); err != nil {
		return nil, err
	}
	for line := ""; line != "ready\n"; {
		if line, err = tg.out.ReadString('\n'); err != nil {
			return nil, errors.Join(fmt.Errorf("%q said %q: %v", cmd.Args, line, err), tg.kill())
		}
	}
	// "ready" comes just before the state to freeze: let it get there.
	time.Sleep(50 * time.Millisecond)
	return tg, nil
}

func (tg *target) pid() int { return tg.cmd.Process.Pid }

func (tg *target) kill() error { return errors.Join(tg.cmd.Process.Kill(), tg.cmd.Wait()) }

// finish ends the target and returns an error unless it says that its data is whole.
func (tg *target) finish() error {
	_ = tg.cmd.Process.Signal(syscall.SIGTERM)
	_ = tg.in.Close()
	late := time.AfterFunc(30*time.Second, func() { _ = tg.cmd.Process.Kill() })
	defer late.Stop()
	rest, err := io.ReadAll(tg.out)
	werr := tg.cmd.Wait()
	if err != nil || werr != nil || !strings.HasPrefix(string(rest), "done whole") {
		return fmt.Errorf("the target ended with %v %v, saying %q", err, werr, rest)
	}
	return nil
}

// newTarget starts a target for one test. The test fails if the target is not well at its end.
func newTarget(t testing.TB, mode string, opt targetOptions) *target {
	t.Helper()
	tg, err := startTarget(mode, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tg.finish(); err != nil {
			t.Error(err)
		}
	})
	return tg
}

// sharedImages are made once, when the first test asks for them.
var sharedImages images

type images struct {
	hg, python sharedImage
}

type sharedImage struct {
	once sync.Once
	path string
	err  error
	end  func() error
}

func (im *images) close() {
	for _, s := range []*sharedImage{&im.hg, &im.python} {
		if s.end == nil {
			continue
		}
		if err := s.end(); err != nil {
			fmt.Fprintln(os.Stderr, "a shared target:", err)
			os.Exit(1)
		}
	}
}

func (s *sharedImage) get(t testing.TB, name string, start func() (pid int, end func() error, err error)) string {
	t.Helper()
	s.once.Do(func() {
		var pid int
		if pid, s.end, s.err = start(); s.err != nil {
			return
		}
		s.path = filepath.Join(baseDir, name)
		var o outcome
		if o, s.err = try(command{argv: []string{binary, "attach", fmt.Sprint(pid), "-o", s.path}}); s.err == nil && o.Status != "exit 0" {
			s.err = fmt.Errorf("attach: %v", o)
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.path
}

// hgImage is the image of an hg command server, warmed up in another repository, with another home
// and other configuration than the tests then thaw it for. The server lives until the tests end.
func hgImage(t testing.TB) string {
	t.Helper()
	return sharedImages.hg.get(t, "hg.pyfreeze", func() (int, func() error, error) {
		s, err := startHG(filepath.Join(baseDir, "hg-target"))
		if err != nil {
			return 0, nil, err
		}
		return s.PID(), s.Close, s.Warm(2)
	})
}

// pythonImage is the image of target.py, blocked in a read.
func pythonImage(t testing.TB) string {
	t.Helper()
	return sharedImages.python.get(t, "python.pyfreeze", func() (int, func() error, error) {
		tg, err := startTarget("blocked", targetOptions{})
		if err != nil {
			return 0, nil, err
		}
		return tg.pid(), tg.finish, nil
	})
}

// startHG makes a small repository in dir and starts a command server in it.
func startHG(dir string) (*cmdserver.Server, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	rc := filepath.Join(dir, "target.rc")
	if err := os.WriteFile(rc, []byte("[ui]\nusername = target\n[alias]\nfrozen = root\n"), 0o644); err != nil {
		return nil, err
	}
	s, err := cmdserver.Start(cmdserver.Options{Dir: dir, Env: append(os.Environ(), "HOME="+dir, "HGRCPATH="+rc)})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "f0.txt"), []byte("target\n"), 0o644); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, args := range [][]string{{"init", "."}, {"commit", "-A", "-d", "0 0", "-m", "first"}} {
		if res, err := s.Run(args...); err != nil || res.Code != 0 {
			return nil, errors.Join(fmt.Errorf("hg %v: %v %d %s", args, err, res.Code, res.Stderr), s.Close())
		}
	}
	return s, nil
}
