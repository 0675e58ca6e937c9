package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// guessed are kinds of data in testdata/python/flips.py that a thaw may change: they lie in the memory of libraries
// without debug information, where a word that looks like an address must be taken for one.
var guessed = map[string]bool{"sha256": true, "compressobj": true, "sqlite": true}

// TestMovedLibraries thaws a program 100 times with its libraries at independent random places. Its data that looks
// like addresses in them stays as it is, its true pointers follow.
func TestMovedLibraries(t *testing.T) {
	cmd := exec.Command(python, program("flips.py"), "freeze")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }()
	var ready [6]byte
	if _, err := out.Read(ready[:]); err != nil || string(ready[:]) != "ready\n" {
		t.Fatalf("the target said %q, %v", ready, err)
	}
	image := filepath.Join(t.TempDir(), "flips.pyfreeze")
	pyfreeze(t, "attach", strconv.Itoa(cmd.Process.Pid), "-o", image).must(t, "exit 0")

	const runs = 100
	want := []string{"pointer abs: 3", "pointer cos: 1.0", "pointer qsort: [1, 2, 3, 4, 5]", "pointer memmove: b'moved'", "pointer pythonapi: 1"}
	seen := map[string]map[string]bool{} // base addresses by library
	distances := map[int64]bool{}        // between libc and libm
	for range runs {
		got := pyfreeze(t, "run", "--shuffle-libraries", image).must(t, "exit 0")
		lines := strings.Split(strings.TrimSpace(got.Stdout), "\n")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "changed ") {
			if name := strings.TrimPrefix(lines[0], "changed "); !guessed[name] {
				t.Fatalf("relocation has changed data: %s", name)
			}
			lines = lines[1:]
		}
		if len(lines) != len(want)+1 || strings.Join(lines[:len(want)], "\n") != strings.Join(want, "\n") {
			t.Fatalf("pointers: %q", lines)
		}
		var bases map[string]string
		if err := json.Unmarshal([]byte(strings.TrimPrefix(lines[len(want)], "bases ")), &bases); err != nil {
			t.Fatal(err)
		}
		for lib, base := range bases {
			if seen[lib] == nil {
				seen[lib] = map[string]bool{}
			}
			seen[lib][base] = true
		}
		c, cerr := strconv.ParseInt(bases["libc.so.6"], 16, 64)
		m, merr := strconv.ParseInt(bases["libm.so.6"], 16, 64)
		if cerr != nil || merr != nil {
			t.Fatalf("bases: %v", bases)
		}
		distances[m-c] = true
	}
	for _, lib := range []string{"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "[vdso]"} {
		if n := len(seen[lib]); n < runs-1 {
			t.Errorf("%s was at %d different places in %d runs", lib, n, runs)
		}
	}
	if len(distances) < runs-1 {
		t.Errorf("libc and libm lay at %d different distances in %d runs: they moved together", len(distances), runs)
	}
}
