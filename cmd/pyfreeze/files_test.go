package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/restore/freeze"
)

// TestOpenFiles freezes a program with files open: a thaw reads on where it was and appends to the log, until one of them is another.
func TestOpenFiles(t *testing.T) {
	dir := tempDir(t)
	book, logged, image := filepath.Join(dir, "book"), filepath.Join(dir, "book.log"), filepath.Join(dir, "i")
	var lines strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&lines, "line %d\n", i)
	}
	if err := os.WriteFile(book, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	tg, err := startProgram(program("files.py"), book, targetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := attach(t, tg.pid(), image).must(t, "exit 0")
	if err := tg.finish(); err != nil { // the thaws have offsets of their own
		t.Error(err)
	}
	if !strings.Contains(o.Stdout+o.Stderr, "descriptor 3 ("+book+") is opened again for ") {
		t.Errorf("attach said %q", o.Stdout+o.Stderr)
	}
	var m freeze.Meta
	if err := json.Unmarshal([]byte(pyfreeze(t, "info", "--json", image).must(t, "exit 0").Stdout), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Descriptors) < 4 || !m.Descriptors[0].Reopened || m.Descriptors[0].Target != book {
		t.Errorf("descriptors: %+v", m.Descriptors)
	}
	thaw := func(first string) string {
		return run(t, command{argv: []string{binary, "run", image, first}}).must(t, "exit 0").Stdout
	}
	log := newRunLog(t)
	t.Setenv("PYFREEZE_LOG", strings.TrimPrefix(log.env(), "PYFREEZE_LOG="))
	want := "line 1 3 True [False, False, False, False] 0\n"
	for range 2 {
		if got := thaw("3"); got != want {
			t.Errorf("the thaw said %q, not %q", got, want)
		}
	}
	log.thawed(t, 2)
	if b, err := os.ReadFile(logged); err != nil || string(b) != "first line 0\nthawed line 1\nagain\nthawed line 1\nagain\n" {
		t.Errorf("the log has %q: %v", b, err)
	}

	// A number that a descriptor of the caller has is left to it.
	sh := run(t, command{argv: []string{"sh", "-c", "exec 3<" + book + " 4<" + book + "; exec " + binary + " run " + image + " 3"}}).must(t, "exit 0")
	if !strings.HasPrefix(sh.Stdout, strings.TrimSuffix(want, "0\n")) || sh.Stdout == want {
		t.Errorf("with descriptor 3 taken the thaw said %q", sh.Stdout)
	}
	closed := run(t, command{argv: []string{"sh", "-c", "exec <&-; exec " + binary + " run " + image + " 3"}}).must(t, "exit 0")
	if closed.Stdout != want {
		t.Errorf("without standard input the thaw said %q", closed.Stdout)
	}
	log.thawed(t, 4)

	// The log gone: the plain command, which here fails for want of arguments.
	if err := os.Remove(logged); err != nil {
		t.Fatal(err)
	}
	run(t, command{argv: []string{binary, "run", image, "3"}}).must(t, "exit 1")
	fallbacks := func() (n int) {
		for _, e := range log.entries(t) {
			if !e.Thawed {
				n++
			}
		}
		return n
	}
	if n := fallbacks(); n != 1 {
		t.Errorf("without the log there were %d fallbacks", n)
	}
	if err := os.WriteFile(logged, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	thaw("3")
	if n := fallbacks(); n != 1 {
		t.Errorf("with the log there were %d fallbacks", n)
	}
	if err := os.WriteFile(book, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, command{argv: []string{binary, "run", image, "3"}}).must(t, "exit 1")
	if n := fallbacks(); n != 2 {
		t.Errorf("with another book there were %d fallbacks", n)
	}
}
