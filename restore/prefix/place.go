package prefix

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// Modes is the question of Place that isatty() asks, too.
const Modes = "asks for the modes of its terminal"

// Place says what a call that is about to be made asks of the place of the process among others, or
// of its terminal, which no two runs have in common; "" for nothing.
func (p *Process) Place(c *tracer.Call) string {
	switch c.Nr {
	case unix.SYS_GETPGRP, unix.SYS_GETPGID:
		return "asks for its process group"
	case unix.SYS_GETSID:
		return "asks for its session"
	case unix.SYS_IOCTL:
		switch uint32(c.Args[1]) {
		case unix.TIOCGPGRP, unix.TIOCGSID:
			return "asks for the process group of its terminal"
		case unix.TCGETS, unix.TCGETS2:
			if terminal(p.is(c.Args[0])) {
				return Modes
			}
		}
	case unix.SYS_READLINK:
		return p.names(p.path(here, c.Args[0]))
	case unix.SYS_READLINKAT:
		return p.names(p.path(c.Args[0], c.Args[1]))
	}
	return ""
}

// names says what the target of a link of /proc tells.
func (p *Process) names(link string) string {
	if link == "/proc/self" || link == "/proc/thread-self" {
		return "asks for its process id"
	}
	for _, dir := range []string{"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/",
		fmt.Sprintf("/proc/%d/fd/", p.PID)} {
		rest, ok := strings.CutPrefix(link, dir)
		if fd, err := strconv.ParseUint(rest, 10, 31); ok && err == nil && (fd <= 2 || p.given(fd)) {
			return "asks what its standard streams are"
		}
	}
	return ""
}

// terminal says whether what a descriptor is open for is a terminal.
func terminal(what string) bool {
	return strings.HasPrefix(what, "/dev/pts/") || strings.HasPrefix(what, "/dev/tty") ||
		what == "/dev/console"
}
