package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"pyfreeze/cmd/pyfreeze/internal/pythons"
)

// interpreter is a Python that has its tests.
type interpreter struct {
	name    string // unique, and that of a directory
	root    string // of its tree; "" for this system
	path    string // in its tree
	version string
	tests   string // the directory of the package test
	env     []string
}

// interpreters gives those that are here, pyenv's and Debian's, or of these those named; and those of other Debians that are named.
func interpreters(ctx context.Context, only string) (out []interpreter, undo func(), err error) {
	undo = func() {}
	named := func(name string) bool { return slices.Contains(strings.Split(only, ","), name) }
	all := pythons.Here()
	if named("trixie") || named("sid") || named("python3.15") {
		var found []pythons.Interpreter
		found, undo = pythons.InTrees("/var/cache/pyfreeze-test/trees", "")
		all = append(all, found...)
	}
	for _, p := range all {
		name := p.Name[strings.LastIndex(p.Name, " ")+1:]
		if name == "python3.11" {
			name = "debian"
		}
		if name == "python3.11d" || only != "" && !named(name) || only == "" && p.Root != "" {
			continue
		}
		if p.Absent != "" {
			if only != "" {
				return nil, undo, fmt.Errorf("%s: %s", p.Name, p.Absent)
			}
			continue
		}
		path, err := filepath.EvalSymlinks(filepath.Join(p.Root, p.Path))
		if err != nil {
			return nil, undo, err
		}
		out = append(out, interpreter{name: name, root: p.Root, path: strings.TrimPrefix(path, p.Root)})
	}
	for i := range out {
		if strings.HasPrefix(out[i].path, "/usr/bin/") {
			if err := out[i].debianTests(ctx); err != nil {
				return nil, undo, fmt.Errorf("%s: %w", out[i].name, err)
			}
		}
		if err := out[i].identify(ctx); err != nil {
			return nil, undo, err
		}
	}
	return out, undo, nil
}

func (in *interpreter) identify(ctx context.Context) error {
	out, err := in.command(ctx, in.path, "-c", "import os, platform, test; print(platform.python_version()); print(os.path.dirname(test.__file__))").Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 2 {
		return fmt.Errorf("%s has no package test: %w", in.path, errors.Join(err, errors.New(string(out))))
	}
	in.version, in.tests = lines[0], lines[1]
	return nil
}

// command gives a command in the interpreter's tree, in a group of its own, with nothing of the caller's environment that changes what tests do.
func (in *interpreter) command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "TZ=UTC", "HOME=" + os.Getenv("HOME")}, in.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Chroot: in.root}
	return cmd
}

// module gives the name that a module has in this version.
func (in *interpreter) module(name string) string {
	if !in.holds(name) && in.holds(older[name]) {
		return older[name]
	}
	return name
}

func (in *interpreter) has(name string) bool {
	return in.holds(in.module(name)) || supplied[name] != ""
}

// holds tells whether the installed package test has a module.
func (in *interpreter) holds(name string) bool {
	if name == "" {
		return false
	}
	for _, file := range []string{name + ".py", filepath.Join(name, "__init__.py")} {
		if _, err := os.Stat(filepath.Join(in.root, in.tests, file)); err == nil {
			return true
		}
	}
	return false
}
