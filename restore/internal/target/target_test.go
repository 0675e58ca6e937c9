package target

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStart starts every interpreter, with arguments, a home of its own and nothing of ours, and
// makes sure that it is gone with the test.
func TestStart(t *testing.T) {
	t.Setenv("PYTHONHOME", "/nowhere")
	all := Interpreters(t)
	if len(all) == 0 || all[0] != "/usr/bin/python3.11" {
		t.Fatalf("the interpreters are %q", all)
	}
	for _, exe := range all {
		pid := 0
		t.Run(exe, func(t *testing.T) {
			pid = Start(t, exe,
				"import os, sys, time\nassert sys.argv[1:] == ['a b'] and os.path.isdir(os.environ['HOME'])\n"+
					"assert sys.version_info >= (3, 8)\nprint('ready')\ntime.sleep(3600)", "a b")
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			if err != nil || strings.Contains(string(b), "PYTHON") {
				t.Errorf("it has the environment %q (%v)", b, err)
			}
		})
		if err := unix.Kill(pid, 0); err != unix.ESRCH {
			t.Errorf("process %d is there after its test: %v", pid, err)
		}
	}
}

// TestRun starts a command as it is, with its own variables.
func TestRun(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `[ "$A" = 1 ] && echo ready && exec sleep 3600`)
	cmd.Env = []string{"A=1", "PATH=/usr/bin:/bin"}
	if pid := Run(t, cmd); pid != cmd.Process.Pid || unix.Kill(pid, 0) != nil {
		t.Errorf("the process is %d", pid)
	}
}
