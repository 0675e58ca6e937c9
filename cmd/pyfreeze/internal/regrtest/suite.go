package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
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
	kept   string // directory of results and logs
	dir    string // for what is not kept, as the interpreter sees it
	build  string // hash of pyfreeze
	frozen bool
}

func newSuite(in interpreter, pyfreeze, imports, kept string) (*suite, error) {
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(pyfreeze)
	if err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	script, err := os.ReadFile(imports)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(binary)
	dir, err := os.MkdirTemp(filepath.Join(in.root, os.TempDir()), "regrtest-")
	if err != nil {
		return nil, err
	}
	s := &suite{interpreter: in, kept: kept, dir: strings.TrimPrefix(dir, in.root), build: hex.EncodeToString(sum[:8])}
	files := map[string]string{"pyfreeze": string(binary), "imports.py": string(script)}
	for name, text := range supplied {
		files[suppliedName(name)+".py"] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *suite) close() { _ = os.RemoveAll(s.outside("")) }

// outside gives the path of a file of the suite's, outside of the interpreter's tree.
func (s *suite) outside(name string) string { return filepath.Join(s.root, s.dir, name) }

// inside gives that path as the interpreter sees it.
func (s *suite) inside(name string) string { return filepath.Join(s.dir, name) }

// freeze makes the image.
func (s *suite) freeze(ctx context.Context) error {
	cmd := s.command(ctx, s.inside("pyfreeze"), "freeze", "-o", s.inside("image"), "--at", "exit", "--", s.path, s.inside("imports.py"))
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pyfreeze freeze: %w: %s", err, text)
	}
	s.frozen = true
	return nil
}

// plainCode imports what the image has, so that both sides start with the same modules, and goes on as `-m test`.
const plainCode = `import runpy, sys
runpy.run_path(sys.argv.pop(1))
runpy.run_module('test', run_name='__main__', alter_sys=True)`

// regrtest is how one side runs it.
func (s *suite) regrtest(side string) []string {
	if side == plain {
		return []string{s.path, "-c", plainCode, s.inside("imports.py")}
	}
	return []string{s.inside("pyfreeze"), "run", "-m", "test", s.inside("image")}
}

// try runs a module once on one side, in a process of its own.
func (s *suite) try(ctx context.Context, side, module string) (try, error) {
	if side == thawed && !s.frozen {
		if err := s.freeze(ctx); err != nil {
			return try{}, err
		}
	}
	work, report, runLog := s.outside(side), s.outside("report.xml"), s.outside("log")
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o755), os.RemoveAll(report), os.RemoveAll(runLog)); err != nil {
		return try{}, err
	}
	output, err := os.Create(filepath.Join(s.kept, module+"."+side+".log"))
	if err != nil {
		return try{}, err
	}
	defer output.Close()
	argv := append(s.regrtest(side), "-v", fmt.Sprintf("--timeout=%.0f", maxModule.Seconds()), "--junit-xml", s.inside("report.xml"))
	if test := left[[2]string{s.name, module}]; test != "" {
		argv = append(argv, "--ignore", test)
	}
	if s.holds(module) {
		argv = append(argv, module)
	} else {
		argv = append(argv, "--testdir", s.dir, suppliedName(module))
	}
	limited, cancel := context.WithTimeout(ctx, maxModule+maxEnd)
	defer cancel()
	cmd := s.command(limited, argv...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.inside(side), output, output
	cmd.Env = append(cmd.Env, "TMPDIR="+s.inside(side), "PYFREEZE_LOG="+s.inside("log"))
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
