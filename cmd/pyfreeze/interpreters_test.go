package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLongInterpreters freezes every interpreter that is here, Debian's, those of pyenv with their
// shared libpython, and static PIEs made of these: at the exit of a program, blocked and busy. What
// is thawed does what the plain interpreter does.
func TestLongInterpreters(t *testing.T) {
	all := inspectedPythons(t)
	if _, err := os.Stat(python + "d"); err == nil {
		all = append(all, python+"d") // Debian's debug build
	}
	for _, minor := range []string{"3.8", "3.13"} { // the oldest and the newest: all are in make test-matrix
		for _, py := range all {
			if strings.Contains(py, "/versions/"+minor+".") {
				all = append(all, pieOf(t, py))
			}
		}
	}
	for _, py := range all {
		version := strings.TrimSpace(run(t, command{argv: []string{py, "-c", "import platform; print(platform.python_version())"}}).must(t, "exit 0").Stdout)
		t.Run(filepath.Base(py)+"-"+version, func(t *testing.T) {
			t.Run("exit", func(t *testing.T) { thawsEverything(t, py) })
			t.Run("imports-again", func(t *testing.T) { importsAgain(t, py) })
			t.Run("c-strings", func(t *testing.T) { keepsCStrings(t, py) })
			t.Run("recursion", func(t *testing.T) { recursesAsDeep(t, py) })
			for _, mode := range []string{"blocked", "busy", "blocked-threads"} {
				t.Run(mode, func(t *testing.T) {
					tg := newTarget(t, mode, targetOptions{python: py})
					image := filepath.Join(tempDir(t), "i")
					attach(t, tg.pid(), image, withoutThreads...).must(t, "exit 0")
					for range 5 {
						thawsWell(t, image)
					}
				})
			}
		})
	}
}

func thawsEverything(t *testing.T, py string) {
	image := filepath.Join(tempDir(t), "i")
	script := program("everything.py")
	plain := run(t, command{argv: []string{py, script, "one", "two"}}).must(t, "exit 0")
	first := pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--", py, script, "x").must(t, "exit 0")
	if !strings.HasPrefix(first.Stdout, "['x'] ") {
		t.Errorf("the command said %q", first.Stdout)
	}
	log := newRunLog(t)
	want := strings.Replace(plain.Stdout, "\n", "\nkept ('int', 'Kept', 'len', 'dumps', 'method', True, True, True, 4)\n", 1)
	const runs = 20
	for range runs {
		got := run(t, command{argv: []string{binary, "run", image, "one", "two"}, env: []string{log.env()}}).must(t, "exit 0")
		if got.Stdout != want || got.Stderr != "" {
			t.Fatalf("the thaw said %q, %q, want %q", got.Stdout, got.Stderr, want)
		}
	}
	log.thawed(t, runs)
}

// TestLongStrippedInterpreters does the same with all debug information hidden: the matrix of make
// test-matrix -stripped, without trees and with few thaws.
func TestLongStrippedInterpreters(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can hide files in a mount namespace of its own")
	}
	o := run(t, command{argv: []string{"go", "run", "./internal/matrix", "-pyfreeze", binary, "-scripts", "../../testdata/python", "-trees", "", "-thaws", "3", "-stripped"},
		timeout: 10 * time.Minute})
	if o.Status != "exit 0" || !strings.Contains(o.Stdout, ", stripped 3.11") {
		t.Errorf("%v", o)
	}
	t.Log(o.Stdout)
}

// importsAgain imports extension modules of the image once more, also in a sub-interpreter: they come from the copy that is there.
func importsAgain(t *testing.T, py string) {
	image := filepath.Join(tempDir(t), "i")
	script := program("reimport.py")
	plain := run(t, command{argv: []string{py, script}}).must(t, "exit 0")
	pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--", py, script).must(t, "exit 0")
	log := newRunLog(t)
	got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}).must(t, "exit 0")
	if got.Stdout != plain.Stdout || got.Stderr != "" || !strings.Contains(plain.Stdout, "[] {1}\nTrue\n{1} ") {
		t.Errorf("the thaw said %q, %q, the plain interpreter %q", got.Stdout, got.Stderr, plain.Stdout)
	}
	log.thawed(t, 1)
}

// recursesAsDeep freezes under hundreds of calls of C code, which take no room from a thaw.
func recursesAsDeep(t *testing.T, py string) {
	image := filepath.Join(tempDir(t), "i")
	script := program("recursion.py")
	plain := run(t, command{argv: []string{py, script}}).must(t, "exit 0")
	pyfreeze(t, "freeze", "-o", image, "--at", "__main__:deep", "--", py, script).must(t, "exit 0")
	log := newRunLog(t)
	got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}).must(t, "exit 0")
	if got.Stdout != plain.Stdout || got.Stderr != "" {
		t.Errorf("the thaw said %q, %q, the plain interpreter %q", got.Stdout, got.Stderr, plain.Stdout)
	}
	log.thawed(t, 1)
}

// keepsCStrings has strings in memory of C whose bytes, with what they have overwritten, look like pointers into libc. Libraries lie elsewhere each time.
func keepsCStrings(t *testing.T, py string) {
	image := filepath.Join(tempDir(t), "i")
	pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--", py, program("cstrings.py")).must(t, "exit 0")
	log := newRunLog(t)
	for range 5 {
		got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}).must(t, "exit 0")
		if got.Stdout != "[]\n" || got.Stderr != "" {
			t.Fatalf("strings that have changed: %s%s", got.Stdout, got.Stderr)
		}
	}
	log.thawed(t, 5)
}
