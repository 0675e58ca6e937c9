package prefix

import (
	"fmt"

	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// Opens returns the path that a call is about to open; "" where it opens none.
func (p *Process) Opens(c *tracer.Call) string {
	switch c.Nr {
	case unix.SYS_OPEN:
		return p.path(here, c.Args[0])
	case unix.SYS_OPENAT, unix.SYS_OPENAT2:
		return p.path(c.Args[0], c.Args[1])
	}
	return ""
}

// Lists returns the path of a directory that a call is about to list and in which everybody makes
// files all the time, such as /tmp: one with the restricted deletion flag (chmod(1)). "" for none.
func (p *Process) Lists(c *tracer.Call) string {
	if c.Nr != unix.SYS_GETDENTS && c.Nr != unix.SYS_GETDENTS64 {
		return ""
	}
	var st unix.Stat_t
	err := unix.Stat(fmt.Sprintf("/proc/%d/fd/%d", p.PID, int32(c.Args[0])), &st)
	const shared = unix.S_ISVTX | unix.S_IWOTH
	if err != nil || st.Mode&shared != shared {
		return ""
	}
	return p.is(c.Args[0])
}

// Looks returns the path that a call is about to look at or open, as it was given and made
// absolute; "" where it does neither, or of a descriptor.
func (p *Process) Looks(c *tracer.Call) (given, path string) {
	switch c.Nr {
	case unix.SYS_OPEN, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_ACCESS, unix.SYS_READLINK:
		return p.text(c.Args[0]), p.path(here, c.Args[0])
	case unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_NEWFSTATAT, unix.SYS_STATX,
		unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT:
		given = p.text(c.Args[1])
		if given == "" || given[0] != '/' && int32(c.Args[0]) != unix.AT_FDCWD {
			return "", ""
		}
		return given, p.path(here, c.Args[1])
	}
	return "", ""
}

// FindsHere says whether a call looks at something by a relative path, and there is something.
func (p *Process) FindsHere(c *tracer.Call) bool {
	given, path := p.Looks(c)
	return given != "" && given[0] != '/' && !NoFile(given) && p.exists(path)
}
