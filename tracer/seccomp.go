package tracer

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// suspendSeccomp makes a thread's seccomp filter ignore what it does until the returned function is
// called, or makes sure that the filter does not kill for system call nr.
func (p *Process) suspendSeccomp(t *thread, nr uint64) (undo func() error, err error) {
	st, err := readStatus(fmt.Sprintf("%d/task/%d", p.pid, t.tid))
	if err != nil {
		return nil, err
	}
	if st.seccomp == 0 {
		return func() error { return nil }, nil
	}
	options := p.options()
	err = ptrace(unix.PTRACE_SETOPTIONS, t.tid, 0, options|unix.PTRACE_O_SUSPEND_SECCOMP)
	if errors.Is(err, unix.EPERM) && p.sharesFilters(st) && tryCall(nr) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, &SeccompError{t.tid, err}
	}
	return func() error {
		if err := ptrace(unix.PTRACE_SETOPTIONS, t.tid, 0, options); err != nil {
			return p.opError(t.tid, "resume the seccomp filter of", err)
		}
		return nil
	}, nil
}

// sharesFilters says whether a thread has the seccomp filters of this process and no others. What we
// start inherits ours, and so does everything in a container those of its first process; it can
// only add to them (seccomp(2)).
func (p *Process) sharesFilters(st *status) bool {
	own, err := readStatus("self")
	if err != nil || own.seccomp != st.seccomp || own.filters == 0 || own.filters != st.filters {
		return false // Linux 5.9 counts them
	}
	if p.spawned {
		return true
	}
	mine, err := os.Readlink("/proc/self/ns/pid")
	its, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.pid))
	first, err3 := readStatus("1")
	return err == nil && err2 == nil && err3 == nil && mine == its && first.filters == own.filters
}

// tryCall makes a system call with arguments that no call takes, to see whether the filter of this
// process kills for it: then it kills us, and not the program, which goes on. False where that
// cannot be tried.
func tryCall(nr uint64) bool {
	without := []uint64{unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
		unix.SYS_RT_SIGRETURN, unix.SYS_PAUSE, unix.SYS_SYNC, unix.SYS_VHANGUP} // they take none
	if slices.Contains(without, nr) {
		return false
	}
	const none = ^uintptr(0)
	_, _, _ = unix.RawSyscall6(uintptr(nr), none, none, none, none, none, none) // that it returns is all
	return true
}
