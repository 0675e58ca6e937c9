package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFast tries the programs whose packages all tests need.
func TestFast(t *testing.T) {
	pyfreeze := filepath.Join(t.TempDir(), "pyfreeze")
	if out, err := exec.Command("go", "build", "-ldflags", "-E pyfreeze/restore/stub.entry", "-o", pyfreeze, "pyfreeze/cmd/pyfreeze").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, p := range fast {
		t.Run(p.name, func(t *testing.T) {
			r, err := tryOne(t.Context(), &p, pyfreeze, 1, s)
			if err != nil {
				t.Fatal(err)
			}
			if !r.good() {
				t.Errorf("%s: %s", r.verdict, r.why)
			}
		})
	}
}

// TestDifference has runs that differ in one thing each.
func TestDifference(t *testing.T) {
	same := outcome{stdout: "a\nb", stderr: "c", status: "exit status 0", files: "f", requests: "GET /"}
	if d := difference(&same, &same); d != "" {
		t.Errorf("the same: %s", d)
	}
	for _, change := range []func(o *outcome){
		func(o *outcome) { o.stdout = "a\nx" }, func(o *outcome) { o.stdout = "a\nb\n" }, func(o *outcome) { o.stdout = "a" }, func(o *outcome) { o.stderr = "" },
		func(o *outcome) { o.status = "signal: killed" }, func(o *outcome) { o.files = "f\n" }, func(o *outcome) { o.requests = "" },
	} {
		other := same
		change(&other)
		if difference(&same, &other) == "" || difference(&other, &same) == "" {
			t.Errorf("%+v is taken for %+v", other, same)
		}
	}
}
