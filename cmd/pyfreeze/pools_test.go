package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const poolScript = `import ctypes, os, sys, time
import poollib
for n in sys.argv[1:]:
    print(poollib.lib.square(int(n)))
    time.sleep(0.05)  # the thread sleeps
print(len(os.listdir('/proc/self/task')))
`

// TestFreezePool has a library with a thread of its own, which it ends before a fork: so it does before the freeze, and makes another in a thaw.
func TestFreezePool(t *testing.T) {
	h := newPool(t, "-DFORK")
	h.run(binary, "freeze", "-o", "i", "--at", "exit", "--", python, "main.py", "2", "3").must(t, "exit 0")
	log := newRunLog(t)
	h.env = append(h.env, log.env())
	for range 5 {
		want := h.run(python, "main.py", "4", "5", "6").must(t, "exit 0")
		if got := h.run(binary, "run", "i", "4", "5", "6"); got.Stdout != want.Stdout || got.Status != "exit 0" || got.Stderr != "" {
			t.Errorf("%v, plain %v", got, want)
		}
	}
	log.thawed(t, 5)
}

// TestFreezePoolRefused has one that does not: a thaw would wait for the thread, unless it is kept.
func TestFreezePoolRefused(t *testing.T) {
	h := newPool(t)
	o := h.run(binary, "freeze", "-o", "i", "--at", "exit", "--", python, "main.py", "2").must(t, "exit 6")
	if !strings.Contains(o.Stderr, "threads of libpool.so (") || !strings.Contains(o.Stderr, "keep them (--threads)") {
		t.Errorf("it says %q", o.Stderr)
	}
	mustNotExist(t, filepath.Join(h.dir, "i"))
	for _, keep := range [][]string{{"--threads"}, {"--allow", "native-thread"}} {
		h.run(slices.Concat([]string{binary, "freeze", "-o", "i", "--at", "exit"}, keep, []string{"--", python, "main.py", "2"})...).must(t, "exit 0")
		want := h.run(python, "main.py", "4", "5").must(t, "exit 0")
		if got := h.run(binary, "run", "i", "4", "5"); got.Stdout != want.Stdout || got.Status != "exit 0" || got.Stderr != "" {
			t.Errorf("%q: %v, plain %v", keep, got, want)
		}
	}
}

// newPool compiles the library, with flags, beside a program that uses it.
func newPool(t *testing.T, flags ...string) *home {
	h := newHome(t)
	source, err := filepath.Abs("../../testdata/native/pool.c")
	if err != nil {
		t.Fatal(err)
	}
	h.run(append([]string{"gcc", "-shared", "-fPIC", "-O1", "-o", "libpool.so", source}, flags...)...).must(t, "exit 0")
	h.write("main.py", poolScript)
	h.write("poollib.py", "import ctypes\nlib = ctypes.CDLL('"+filepath.Join(h.dir, "libpool.so")+"')\n"+
		"lib.square.restype = ctypes.c_long\nlib.square.argtypes = (ctypes.c_long,)\n")
	return h
}

// TestFreezeNumpy lets OpenBLAS's threads work, sleep and work again, and numpy.random begin anew in each thaw.
func TestFreezeNumpy(t *testing.T) {
	h := newHome(t)
	h.write("main.py", `import sys, time
import numpy as np
a = np.arange(90000.).reshape(300, 300)
for _ in range(3):
    b = a @ a
    time.sleep(float(sys.argv[1]))
print(b.sum(), np.random.default_rng(5).integers(1000), np.random.RandomState(5).randint(1000), file=sys.stderr)
print(np.random.random())
`)
	h.run(binary, "freeze", "-o", "i", "--at", "exit", "--", python, "main.py", "0.3").must(t, "exit 0")
	log := newRunLog(t)
	h.env = append(h.env, log.env())
	plain := h.run(python, "main.py", "0.3").must(t, "exit 0")
	seen := map[string]bool{plain.Stdout: true}
	for range 3 {
		start := time.Now()
		o := h.run(binary, "run", "i", "0.3").must(t, "exit 0")
		if o.Stderr != plain.Stderr {
			t.Errorf("after %v: %v, plain %v", time.Since(start), o, plain)
		}
		if seen[o.Stdout] {
			t.Errorf("the random number %q comes twice", o.Stdout)
		}
		seen[o.Stdout] = true
	}
	log.thawed(t, 3)
}
