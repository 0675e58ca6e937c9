package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// leftovers are kinds of secrets that stay in an image though the program forgot them.
var leftovers = map[string]string{
	"environ": "libc's setenv never frees a value: glibc keeps each in a tree of its own (stdlib/setenv.c, KNOWN_VALUE)",
}

// TestSecretsAreScrubbed: what a program freed before the freeze is not in the image, and the allocators of a thawed
// process still work.
func TestSecretsAreScrubbed(t *testing.T) {
	cmd := exec.Command(python, program("leftovers.py"), "freeze")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }()
	secrets := map[string][]string{}
	n := 0
	in := bufio.NewScanner(out)
	for in.Scan() && in.Text() != "ready" {
		kind, s, ok := strings.Cut(in.Text(), " ")
		if !ok || len(s) != 40 {
			t.Fatalf("the target said %q", in.Text())
		}
		b := []byte(s)
		slices.Reverse(b)
		secrets[kind] = append(secrets[kind], string(b))
		n++
	}
	if n < 100 {
		t.Fatalf("the target made %d secrets only", n)
	}
	image := filepath.Join(t.TempDir(), "leftovers.pyfreeze")
	pyfreeze(t, "attach", strconv.Itoa(cmd.Process.Pid), "-o", image).must(t, "exit 0")
	raw := image + ".raw"
	pyfreeze(t, "attach", strconv.Itoa(cmd.Process.Pid), "-o", raw, "--keep-dead").must(t, "exit 0")

	found := func(file string) map[string]bool {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]bool{}
		for kind, all := range secrets {
			for _, s := range all {
				// Half of one is too much, too: blocks may have been cut.
				for _, part := range []string{s[:20], s[20:]} {
					for _, width := range []int{1, 2, 4} {
						if bytes.Contains(b, widen(part, width)) {
							kinds[kind] = true
						}
					}
				}
			}
		}
		return kinds
	}
	left := found(image)
	if !left["kept"] {
		t.Error("the secret that the program keeps is not in the image")
	}
	delete(left, "kept")
	for kind := range left {
		if leftovers[kind] == "" {
			t.Errorf("a forgotten secret is in the image: %s", kind)
		}
	}
	before := found(raw)
	t.Logf("%d of %d kinds are in an image with dead memory, %d in one without", len(before), len(secrets), len(left))
	if len(before) < 10 {
		t.Errorf("only %d kinds are found in an image with dead memory: the test sees nothing", len(before))
	}
	if got := pyfreeze(t, "run", image).must(t, "exit 0"); !strings.HasPrefix(got.Stdout, "works ") {
		t.Errorf("the thawed program said %q", got)
	}
}

// widen writes ASCII as a string of that many bytes a character.
func widen(s string, width int) []byte {
	out := make([]byte, len(s)*width)
	for i := range len(s) {
		out[i*width] = s[i]
	}
	return out
}
