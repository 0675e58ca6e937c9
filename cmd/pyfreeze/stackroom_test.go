package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStackHasRoom thaws with a large limit of the stack, so that the frozen stack would often come back where the fresh one may grow to:
// then another layout is taken.
func TestStackHasRoom(t *testing.T) {
	dir := tempDir(t)
	script := filepath.Join(dir, "room.py")
	text := `import sys
maps = [line.split() for line in open('/proc/self/maps')]
stack = [int(m[0].partition('-')[0], 16) for m in maps if m[-1] == '[stack]'][0]
print([m[0] for m in maps if stack - (1 << 30) < int(m[0].partition('-')[2], 16) <= stack])
`
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "i")
	pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--", python, script).must(t, "exit 0")
	log := newRunLog(t)
	const runs = 100 // of which every sixteenth would have it there
	o := run(t, command{argv: []string{"/bin/sh", "-c", `ulimit -Ss 1048576 && for i in $(seq 100); do "$@" || exit 1; done`, "x", binary, "run", image},
		env: []string{log.env()}}).must(t, "exit 0")
	if want := strings.Repeat("[]\n", runs); o.Stdout != want || o.Stderr != "" {
		t.Errorf("mapped where the stack may grow to: %v", o)
	}
	log.thawed(t, runs)
}
