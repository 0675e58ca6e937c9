package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInstallMeasures installs a program that starts at once, but whose image has a large file to
// compare in each thaw; one that is faster thawed; and one that does something at its end, and is
// not run to find out. One does something else thawed: the processor time that it has used goes
// back at the point.
func TestInstallMeasures(t *testing.T) {
	h := newHome(t)
	big, made := filepath.Join(h.dir, "big"), filepath.Join(h.dir, "made")
	h.write("big", "")
	if err := os.Truncate(big, 1<<30); err != nil { // of holes
		t.Fatal(err)
	}
	tool := func(name, before string) string {
		h.write("bin/"+name, "#!"+python+"\nimport sys\n"+before+"\ndef main():\n    print(sys.argv[1:])\nmain()\n")
		path := filepath.Join(h.bin, name)
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	images := func(name string) []string {
		out, _ := filepath.Glob(filepath.Join(h.dir, ".cache/pyfreeze", name, "*.pyfreeze"))
		return out
	}
	slow := tool("slow", "open('"+big+"').close()")
	tool("fast", "import asyncio, email.message, http.server, ssl, unittest.mock")
	tool("harmful", "import asyncio, atexit\natexit.register(lambda: open('"+made+"', 'a').close())")

	tool("other", "import time\nwhile time.process_time() < .3: pass\n"+
		"def ended():\n    print(time.process_time() < .3)\nimport atexit\natexit.register(ended)")
	o := h.run(binary, "install", "other")
	if o.Status == "exit 0" || !strings.Contains(o.Stderr, "another standard output") || len(images("other")) != 0 {
		t.Errorf("a program that does something else thawed: %v", o)
	}
	h.run("other").must(t, "exit 0")
	status := h.run(binary, "status", "other").must(t, "exit 0").Stdout
	if !strings.Contains(status, "another standard output") {
		t.Errorf("status does not tell that: %s", status)
	}

	h.run(binary, "install", "fast").must(t, "exit 0")
	h.run(binary, "install", "harmful").must(t, "exit 0")
	if _, err := os.Stat(made); err == nil {
		t.Error("a program was run to its end that does something there")
	}
	if len(images("fast")) != 1 || len(images("harmful")) != 1 {
		t.Errorf("images: %q, %q", images("fast"), images("harmful"))
	}
	o = h.run(binary, "install", "--strict", "slow")
	if o.Status == "exit 0" || !strings.Contains(o.Stderr, "a thaw is slower: ") || !strings.Contains(o.Stderr, "tries again after an hour") ||
		strings.Contains(o.Stdout+o.Stderr, "--help']") {
		t.Errorf("a program that a thaw makes slow: %v", o)
	}
	if len(images("slow")) != 0 {
		t.Errorf("it has images: %q", images("slow"))
	}
	h.run("slow", "a").must(t, "exit 0")
	status = h.run(binary, "status", "slow").must(t, "exit 0").Stdout
	for _, want := range []string{"0 runs thawed, 1 plain", "1  there is no image: a thaw is slower: ", "medians of", "when the program changes"} {
		if !strings.Contains(status, want) {
			t.Errorf("status has no %q: %s", want, status)
		}
	}
	failed, err := filepath.Glob(filepath.Join(h.dir, ".cache/pyfreeze/slow/*.failed"))
	if err != nil || len(failed) != 1 {
		t.Fatalf("%q, %v", failed, err)
	}
	before, err := os.Stat(failed[0])
	if err != nil {
		t.Fatal(err)
	}
	// Another program by that name is measured anew, behind the user's back.
	time.Sleep(time.Until(before.ModTime().Add(1100 * time.Millisecond)))
	now := time.Now()
	tool("slow", "import asyncio, http.server, ssl")
	if err := os.Chtimes(slow, now, now); err != nil {
		t.Fatal(err)
	}
	h.run("slow", "b").must(t, "exit 0")
	for end := time.Now().Add(time.Minute); len(images("slow")) == 0 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	if o := h.run("slow", "c"); o.Stdout != "['c']\n" || len(images("slow")) != 1 {
		t.Errorf("a program that is fast now: %v, images %q", o, images("slow"))
	}
}
