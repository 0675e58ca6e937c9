package main

import (
	"path/filepath"
	"testing"
)

// TestPythonStacks freezes a program whose threads stand at many depths of Python's stack, in the middle of its chunks and at their ends. What lies
// above their tops is zeroed in the image: the program goes on, and so does the thaw, with generators that stood still.
func TestPythonStacks(t *testing.T) {
	for range 3 {
		image := filepath.Join(tempDir(t), "i")
		tg, err := startProgram(program("stacks.py"), "freeze", targetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		attach(t, tg.pid(), image, withoutThreads...).must(t, "exit 0")
		if err := tg.finish(); err != nil {
			t.Error(err)
		}
		log := newRunLog(t)
		got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}).must(t, "exit 0")
		if got.Stdout != "thawed 0 2 4 0\n" {
			t.Errorf("the thaw said %q", got.Stdout)
		}
		log.thawed(t, 1)
	}
}

// TestAllocators freezes programs that run with other allocators than the usual.
func TestAllocators(t *testing.T) {
	for _, kind := range []string{"malloc", "debug", "malloc_debug", "pymalloc"} {
		env := []string{"PYTHONMALLOC=" + kind}
		image := filepath.Join(tempDir(t), "i")
		o := run(t, command{argv: []string{binary, "freeze", "-o", image, "--warm", "a b", "--", python, program("warmup.py")}, env: env}).must(t, "exit 0")
		if o.Stdout == "" {
			t.Errorf("%s: no output", kind)
		}
		log := newRunLog(t)
		for range 3 {
			got := run(t, command{argv: []string{binary, "run", image, "c"}, env: append(env, log.env())}).must(t, "exit 1")
			if want := "[[], ['a', 'b'], ['c']] __main__ warmup.py warmup.py\nbye from a run with ['c'] 3\n"; got.Stdout != want || got.Stderr != "" {
				t.Errorf("%s: the thaw said %q, %q", kind, got.Stdout, got.Stderr)
			}
		}
		log.thawed(t, 3)
	}
}
