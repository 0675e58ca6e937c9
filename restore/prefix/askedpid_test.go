package prefix

import (
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// TestAskedPID shows whose question for the process id comes to nothing.
func TestAskedPID(t *testing.T) {
	for file, want := range map[string]bool{
		"/v/lib/python3.11/site-packages/psutil/_pslinux.py": true, "/v/psutil/other.py": false,
		"/v/site-packages/filelock/_core/_fork.py": true, "": false,
		"/usr/lib/python3.11/multiprocessing/process.py": false, // asks for its directory
	} {
		if got := Again(&tracer.Call{Nr: unix.SYS_GETPID}, file); got != want {
			t.Errorf("%q: %v", file, got)
		}
		if Again(&tracer.Call{Nr: unix.SYS_GETPPID}, file) {
			t.Errorf("%q asks for its parent", file)
		}
	}
}
