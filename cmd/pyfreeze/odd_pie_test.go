package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/cmd/pyfreeze/internal/staticpie"
)

// pieOf makes a static PIE of the library of another interpreter.
func pieOf(t *testing.T, python string) string {
	t.Helper()
	out := filepath.Join(tempDir(t), "bin", "python")
	if err := staticpie.FromLibrary(context.Background(), python, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// aPyenv gives one of pyenv's interpreters; without any the test is skipped.
func aPyenv(t *testing.T, minor string) string {
	t.Helper()
	for _, py := range inspectedPythons(t) {
		if strings.Contains(py, "/versions/"+minor+".") {
			return py
		}
	}
	t.Skipf("pyenv has no Python %s here", minor)
	return ""
}

// aPIE makes one of a library of pyenv's or, where there is none, of Debian's source.
func aPIE(t *testing.T) string {
	t.Helper()
	for _, py := range inspectedPythons(t) {
		if strings.Contains(py, "/versions/3.11.") {
			return pieOf(t, py)
		}
	}
	return debianPIE(t)
}

// debianPIE is made of Debian's source, which takes minutes the first time.
func debianPIE(t *testing.T) string {
	t.Helper()
	path, err := staticpie.FromSource(context.Background())
	var absent *staticpie.AbsentError
	switch {
	case errors.As(err, &absent):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return path
}

func staticPIE(t *testing.T, o *oddStart, dir string) { o.python = []string{aPIE(t)} }

// TestNoRoom thaws where the memory of the image finds no room, with and without address space randomization: after some tries the plain command runs,
// as if nothing had been tried.
func TestNoRoom(t *testing.T) {
	for _, py := range []string{python, aPIE(t)} {
		image := filepath.Join(tempDir(t), "i")
		pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--", py, program("odd.py"), "much").must(t, "exit 0")
		for _, prefix := range [][]string{nil, {"setarch", "-R"}} {
			o := oddStart{prefix: append(prefix, "bash", "-c", `ulimit -v 200000 && exec "$@"`, "bash"), python: []string{py}, script: program("odd.py")}
			o.compare(t, image, "the memory of the image could not be placed")
		}
	}
}

func venvOfPyenv(t *testing.T, o *oddStart, dir string) { venv(aPyenv(t, "3.12"))(t, o, dir) }
