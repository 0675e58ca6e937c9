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
)

// interpreter is a Python that has its tests.
type interpreter struct {
	name    string // unique, and that of a directory
	path    string
	version string
	tests   string // the directory of the package test
	env     []string
}

// debian is the interpreter of the system.
const debian = "/usr/bin/python3.11"

// interpreters gives those that are here, or of these those named.
func interpreters(ctx context.Context, dir, only string) ([]interpreter, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	var out []interpreter
	wanted := func(name string) bool { return only == "" || slices.Contains(strings.Split(only, ","), name) }
	for minor := 8; minor <= 14; minor++ {
		name := fmt.Sprintf("3.%d", minor)
		found, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions", name+".*", "bin/python3")) // the pattern is fine
		if len(found) == 0 || !wanted(name) {
			continue
		}
		in := interpreter{name: name, path: found[0]}
		if err := in.identify(ctx); err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	if _, err := os.Stat(debian); err == nil && wanted("debian") {
		in := interpreter{name: "debian", path: debian}
		lib, err := debianTests(ctx, filepath.Join(dir, "debian-tests"))
		if err != nil {
			return nil, err
		}
		in.env = []string{"PYTHONPATH=" + lib}
		if err := in.identify(ctx); err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}

func (in *interpreter) identify(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, in.path, "-c", "import os, platform, test; print(platform.python_version()); print(os.path.dirname(test.__file__))")
	cmd.Env = environment(in)
	out, err := cmd.Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 2 {
		return fmt.Errorf("%s has no package test: %w", in.path, errors.Join(err, errors.New(string(out))))
	}
	in.version, in.tests = lines[0], lines[1]
	return nil
}

// environment is that of both sides: nothing of the caller's that changes what tests do.
func environment(in *interpreter) []string {
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "TZ=UTC", "HOME=" + os.Getenv("HOME")}
	return append(env, in.env...)
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
		if _, err := os.Stat(filepath.Join(in.tests, file)); err == nil {
			return true
		}
	}
	return false
}
