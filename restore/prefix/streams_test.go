package prefix

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// TestHandles asks what calls do to a descriptor that was given, and to one of the process's own.
func TestHandles(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	in, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		t.Skip(err)
	}
	p := &Process{PID: os.Getpid(), Streams: []string{in}}
	own := uint64(r.Fd())
	for _, c := range []struct {
		nr   uint64
		args [3]uint64
		want string
	}{
		{unix.SYS_DUP, [3]uint64{0}, "copies descriptor 0"}, {unix.SYS_DUP, [3]uint64{own}, ""},
		{unix.SYS_DUP2, [3]uint64{0, 9}, "copies descriptor 0"}, {unix.SYS_DUP2, [3]uint64{own, own + 20}, ""},
		{unix.SYS_DUP2, [3]uint64{own, 1}, "puts another in the place of descriptor 1"},
		{unix.SYS_DUP3, [3]uint64{own, 2}, "puts another in the place of descriptor 2"},
		{unix.SYS_FCNTL, [3]uint64{0, unix.F_DUPFD_CLOEXEC}, "copies descriptor 0"},
		{unix.SYS_FCNTL, [3]uint64{0, unix.F_SETFD, 1}, "changes descriptor 0"},
		{unix.SYS_FCNTL, [3]uint64{0, unix.F_GETFD}, ""}, {unix.SYS_FCNTL, [3]uint64{own, unix.F_SETFD, 1}, ""},
		{unix.SYS_IOCTL, [3]uint64{0, 0x5451}, "changes descriptor 0"}, {unix.SYS_IOCTL, [3]uint64{0, unix.TCGETS}, ""},
		{unix.SYS_READ, [3]uint64{0}, ""},
	} {
		call := &tracer.Call{Nr: c.nr, Args: [6]uint64{c.args[0], c.args[1], c.args[2]}}
		if got := p.Handles(call); got != c.want {
			t.Errorf("call %d of %v: %q, want %q", c.nr, c.args, got, c.want)
		}
	}
}
