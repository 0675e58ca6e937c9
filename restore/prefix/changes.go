package prefix

import (
	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// named says which argument of a call that changes or makes a file is its path, and whether the one
// before that is a descriptor of a directory; -1 for other calls.
func named(nr uint64) (n int, at bool) {
	switch nr {
	case unix.SYS_MKDIR, unix.SYS_MKNOD, unix.SYS_UNLINK, unix.SYS_RMDIR, unix.SYS_RENAME,
		unix.SYS_TRUNCATE, unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_UTIME,
		unix.SYS_UTIMES, unix.SYS_SETXATTR, unix.SYS_LSETXATTR:
		return 0, false
	case unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT,
		unix.SYS_RENAMEAT2, unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT, unix.SYS_FUTIMESAT,
		unix.SYS_UTIMENSAT:
		return 0, true
	case unix.SYS_SYMLINK:
		return 1, false
	case unix.SYS_SYMLINKAT:
		return 1, true
	}
	return -1, false
}

// change notes that a call has found something, or nothing, where it was to make or change a file:
// where that makes no effect, it is a read.
func (r *Reads) change(p *Process, c *tracer.Call, n int, at bool) string {
	if at {
		return r.path(p, c.Args[n], c.Args[n+1], Looked, c.Result)
	}
	return r.path(p, here, c.Args[n], Looked, c.Result)
}
