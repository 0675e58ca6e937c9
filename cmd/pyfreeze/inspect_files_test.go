package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sameAnswers checks that a process gives the answers of one whose files are where they were.
func sameAnswers(t *testing.T, x *inspected) {
	t.Helper()
	pid := strconv.Itoa(x.pid())
	o := pyfreeze(t, "inspect", "summary", pid).must(t, "exit 0")
	if strings.Contains(o.Stdout, "damage") || o.Stderr != "" {
		t.Errorf("summary: %v", o)
	}
	for name, want := range x.facts.Sizes {
		at := x.facts.Addresses[name]
		if at == "" {
			continue
		}
		if o := pyfreeze(t, "inspect", "show", pid, at, "--limit", "1").must(t, "exit 0"); !strings.Contains(o.Stdout, " "+strconv.FormatUint(want, 10)+" bytes") {
			t.Errorf("%s has %d bytes, not as in %s", name, want, o.Stdout)
		}
	}
	o = pyfreeze(t, "inspect", "threads", pid).must(t, "exit 0")
	if !strings.Contains(o.Stdout, "inspected.py") {
		t.Errorf("threads: %v", o)
	}
}

// TestInspectDeletedInterpreter looks into a process whose interpreter was deleted, or is another
// file by now.
func TestInspectDeletedInterpreter(t *testing.T) {
	for _, other := range []string{"", "/bin/sleep", program("stuck.py")} {
		copied := copyOfPython(t)
		x := startInspected(t, copied)
		if err := os.Remove(copied); err != nil {
			t.Fatal(err)
		}
		if other != "" {
			copyFile(t, copied, other, 0o755)
		}
		sameAnswers(t, x)
		attach(t, x.pid(), filepath.Join(x.dir, "i")).must(t, "exit 4") // a thaw needs the file
	}
}

// TestInspectMountNamespace looks into a process that has its files in a mount namespace of its
// own.
func TestInspectMountNamespace(t *testing.T) {
	needRoot(t)
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skip("no mount namespaces here")
	}
	dir := tempDir(t)
	script := `mount -t tmpfs none "$1" && cp "$2" "$1/python3" && cp "$3" "$1/app.py" && exec "$1/python3" "$1/app.py" in_c`
	c := exec.Command("unshare", "-m", "sh", "-c", script, "sh", dir, python, program("stuck.py"))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }() // reports the kill
	out := command{argv: []string{binary, "inspect", "threads", strconv.Itoa(c.Process.Pid), "--timeout", "50ms"}}
	var o outcome
	for range 50 {
		if o = run(t, out); strings.Contains(o.Stdout, "in in_c") {
			break
		}
	}
	if !strings.Contains(o.Stdout, `re.match(r"(a+)+$"`) { // the source line is that of the file in the namespace
		t.Errorf("threads: %v", o)
	}
}
