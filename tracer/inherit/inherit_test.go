package inherit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const childEnv = "INHERIT_TEST_CHILD"

// TestMain is what a test shows of a process that was started under odd conditions: what that
// passes on.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	if err := Usual(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	cmd := exec.Command("bash", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; umask; ulimit -Ss; "+
		"echo ${PYTHONPATH-none}; "+
		"for fd in 7 250; do if { true <&$fd; } 2>/dev/null; then echo open; else echo closed; fi; done")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if cmd.Run() != nil {
		os.Exit(1)
	}
}

// TestUsual starts a process with signals ignored and blocked, a strict umask, a small stack and a
// variable of Python's.
func TestUsual(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("env", "--ignore-signal=HUP,INT,PIPE", "--block-signal=USR1,CHLD",
		"PYTHONPATH=/nowhere", childEnv+"=1",
		"bash", "-c", `umask 077; ulimit -Ss 2048; exec "$0" 7</dev/null 250</dev/null`, self)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := strings.Fields(string(out))
	want := []string{"SigBlk:", "0000000000000000", "SigIgn:", "0000000000000000", "0022", "8192",
		"none", "closed", "closed"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("a child has %q, want %q", got, want)
	}
}
