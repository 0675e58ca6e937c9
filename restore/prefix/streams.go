package prefix

import (
	"fmt"

	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// Handles says what a call that is about to be made does to descriptors that the process was given,
// its standard streams among them: a copy of one is of this run, as it is itself, and no thaw could
// make it again; "" for nothing. The interpreter's own start does such calls, to see which of them
// are open.
func (p *Process) Handles(c *tracer.Call) string {
	const closeOnExec, not = 0x5451, 0x5450 // FIOCLEX, FIONCLEX
	what := ""
	switch c.Nr {
	case unix.SYS_DUP:
		what = "copies"
	case unix.SYS_DUP2, unix.SYS_DUP3:
		if to := int32(c.Args[1]); to >= 0 && to <= 2 && c.Args[0] != c.Args[1] {
			return fmt.Sprintf("puts another in the place of descriptor %d", to)
		}
		what = "copies"
	case unix.SYS_FCNTL:
		switch c.Args[1] {
		case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC:
			what = "copies"
		case unix.F_SETFD:
			what = "changes"
		}
	case unix.SYS_IOCTL:
		if req := uint32(c.Args[1]); req == closeOnExec || req == not {
			what = "changes"
		}
	}
	if what == "" || !p.given(c.Args[0]) {
		return ""
	}
	return fmt.Sprintf("%s descriptor %d", what, int32(c.Args[0]))
}
