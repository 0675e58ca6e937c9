package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// maxModule is how long a module may take before regrtest itself ends it, with a traceback of each thread.
	maxModule = 10 * time.Minute
	// maxEnd is how long it may then take to end.
	maxEnd = time.Minute
)

// The two sides.
const (
	plain  = "plain"
	thawed = "thawed"
)

// suite is one interpreter with its image.
type suite struct {
	interpreter
	pyfreeze, imports string
	kept              string // directory of results and logs
	dir               string // for what is not kept
	image             string // "" until it is needed
	build             string // hash of pyfreeze
}

func newSuite(in interpreter, pyfreeze, imports, kept string) (*suite, error) {
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(pyfreeze)
	if err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	sum := sha256.Sum256(binary)
	dir, err := os.MkdirTemp("", "regrtest-")
	if err != nil {
		return nil, err
	}
	s := &suite{interpreter: in, pyfreeze: pyfreeze, imports: imports, kept: kept, dir: dir, build: hex.EncodeToString(sum[:8])}
	for name, text := range supplied {
		if err := os.WriteFile(filepath.Join(dir, suppliedName(name)+".py"), []byte(text), 0o644); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return s, nil
}

func (s *suite) close() { _ = os.RemoveAll(s.dir) }

// freeze makes the image.
func (s *suite) freeze(ctx context.Context) error {
	image := filepath.Join(s.dir, "image")
	cmd := exec.CommandContext(ctx, s.pyfreeze, "freeze", "-o", image, "--", s.path, s.imports)
	cmd.Env = environment(&s.interpreter)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pyfreeze freeze: %w: %s", err, text)
	}
	s.image = image
	return nil
}

// plainCode imports what the image has, so that both sides start with the same modules, and goes on as `-m test`.
const plainCode = `import runpy, sys
runpy.run_path(sys.argv.pop(1))
runpy.run_module('test', run_name='__main__', alter_sys=True)`

// command is how one side runs regrtest.
func (s *suite) command(side string) []string {
	if side == plain {
		return []string{s.path, "-c", plainCode, s.imports}
	}
	return []string{s.pyfreeze, "run", "-m", "test", s.image}
}

// try runs a module once on one side, in a process of its own.
func (s *suite) try(ctx context.Context, side, module string) (try, error) {
	if side == thawed && s.image == "" {
		if err := s.freeze(ctx); err != nil {
			return try{}, err
		}
	}
	work, report, runLog := filepath.Join(s.dir, side), filepath.Join(s.dir, side+".xml"), filepath.Join(s.dir, "log")
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o755), os.RemoveAll(report), os.RemoveAll(runLog)); err != nil {
		return try{}, err
	}
	output, err := os.Create(filepath.Join(s.kept, module+"."+side+".log"))
	if err != nil {
		return try{}, err
	}
	defer output.Close()
	argv := append(s.command(side), "-v", fmt.Sprintf("--timeout=%.0f", maxModule.Seconds()), "--junit-xml", report)
	if s.holds(module) {
		argv = append(argv, module)
	} else {
		argv = append(argv, "--testdir", s.dir, suppliedName(module))
	}
	limited, cancel := context.WithTimeout(ctx, maxModule+maxEnd)
	defer cancel()
	cmd := exec.CommandContext(limited, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = work, output, output
	cmd.Env = append(environment(&s.interpreter), "TMPDIR="+work, "PYFREEZE_LOG="+runLog)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	start := time.Now()
	t := try{Ended: "exit status 0"}
	if side == thawed {
		t.Pyfreeze = s.build
	}
	if err := cmd.Run(); err != nil {
		t.Ended = err.Error()
	}
	t.Seconds = time.Since(start).Seconds()
	if ctx.Err() != nil {
		return t, ctx.Err()
	}
	if text, err := os.ReadFile(runLog); side == thawed && (err != nil || !strings.Contains(string(text), `"thawed":true`)) {
		return t, fmt.Errorf("%s was not thawed: %s", module, text)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		return t, nil // it crashed: how it ended tells
	}
	printed, err := os.ReadFile(output.Name())
	if err != nil {
		return t, err
	}
	return t, t.read(text, printed)
}
