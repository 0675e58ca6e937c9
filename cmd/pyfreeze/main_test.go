package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pyfreeze/tracer/inherit"
)

// The tests of this package run the real binary against real interpreters. They share one directory,
// one binary and, where a test does not need its own, one image of a warm hg and one of a Python
// program (see images_test.go).

const (
	python = "/usr/bin/python3.11"
	hgPath = "/usr/bin/hg"
)

var (
	// baseDir is readable by every user, since some tests run pyfreeze as another one.
	baseDir string
	// binary is the pyfreeze under test: built here, or $PYFREEZE_TEST_BINARY.
	binary string
)

func TestMain(m *testing.M) {
	code, err := setUpAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func setUpAndRun(m *testing.M) (code int, err error) {
	for _, name := range []string{python, hgPath, "/usr/bin/setpriv"} {
		if _, err := os.Stat(name); err != nil {
			return 0, fmt.Errorf("%w (testdata/setup.sh installs what the tests need)", err)
		}
	}
	if err := errors.Join(inherit.Usual(), cleanEnvironment()); err != nil {
		return 0, err
	}
	if baseDir, err = os.MkdirTemp("", "pyfreeze-test-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(baseDir)) }()
	if err := os.Chmod(baseDir, 0o755); err != nil {
		return 0, err
	}
	if binary = os.Getenv("PYFREEZE_TEST_BINARY"); binary == "" {
		binary = filepath.Join(baseDir, "pyfreeze")
		build := exec.Command("make", "-C", "../..", "--no-print-directory", "build", "BINARY="+binary)
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("make build: %w\n%s", err, out)
		}
	}
	// Programs run from a copy: the .pyc files that Python writes stay out of the project's tree.
	if err := os.CopyFS(filepath.Join(baseDir, "python"), os.DirFS("../../testdata/python")); err != nil {
		return 0, err
	}
	// The layout cache of this run only: tests must not pass because of what an older pyfreeze cached.
	if err := os.Setenv("XDG_CACHE_HOME", filepath.Join(baseDir, "cache")); err != nil {
		return 0, err
	}
	defer sharedImages.close()
	return m.Run(), nil
}

// cleanEnvironment drops from this process, and so from every child, what would change how a Python
// or an hg behaves.
func cleanEnvironment() error {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		prefixes := []string{"PYTHON", "HG", "CHG", "LC_", "PYFREEZE_LOG", "DEBUGINFOD_"}
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) || name == "LANGUAGE" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	return errors.Join(os.Setenv("LANG", "C.UTF-8"), os.Setenv("TZ", "UTC"))
}

// program is the path of one of the Python programs in testdata/python, as the tests run it.
func program(name string) string { return filepath.Join(baseDir, "python", name) }

// tempDir is a directory below baseDir that every user can read, removed after the test.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(baseDir, "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
