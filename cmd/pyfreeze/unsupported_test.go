package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAttachSharedPython freezes interpreters that could not be thawed: refused, not left to a surprise.
func TestAttachSharedPython(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, version := range []string{"3.8", "3.9", "3.10", "3.11", "3.12", "3.13"} {
		paths, err := filepath.Glob(filepath.Join(home, ".pyenv/versions", version+".*", "bin/python"+version))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			found++
			t.Run(version, func(t *testing.T) {
				tg := newTarget(t, "blocked", targetOptions{python: path})
				dir := tempDir(t)
				attach(t, tg.pid(), filepath.Join(dir, "i")).must(t, "exit 4").oneLine(t, "shared libpython")
				mustBeEmpty(t, dir)
			})
		}
	}
	if found == 0 {
		t.Skip("no pyenv interpreters on this machine")
	}
}
