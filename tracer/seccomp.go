package tracer

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// suspendSeccomp makes a thread's seccomp filter ignore what it does until the returned function is
// called, or sees to it that the filter does not kill for a system call of number nr. more are the
// ptrace options in force besides the usual ones.
func (p *Process) suspendSeccomp(
	t *thread, nr uint64, more uintptr,
) (undo func() error, err error) {
	st, err := readStatus(fmt.Sprintf("%d/task/%d", p.pid, t.tid))
	if err != nil {
		return nil, err
	}
	if st.seccomp == 0 {
		return func() error { return nil }, nil
	}
	if err := p.setUnfiltered(t, st, more, nr); err != nil {
		return nil, err
	}
	return func() error { return p.setOptions(t, more) }, nil
}

// setUnfiltered gives a thread ptrace options besides the usual ones, and has its filter, where
// there is one, ignored or known not to kill for the calls.
func (p *Process) setUnfiltered(t *thread, st *status, more uintptr, calls ...uint64) error {
	if st.seccomp == 0 {
		return p.setOptions(t, more)
	}
	err := p.setOptions(t, more|unix.PTRACE_O_SUSPEND_SECCOMP)
	if errors.Is(err, unix.EPERM) && p.sharesFilters(st) && tryCalls(calls...) {
		return p.setOptions(t, more)
	}
	if err != nil {
		return &SeccompError{t.tid, err}
	}
	return nil
}

// sharesFilters says whether a thread has the seccomp filters of this process and no others. What
// we start inherits ours, and so does everything in a container those of its first process; it
// can only add to them (seccomp(2)).
func (p *Process) sharesFilters(st *status) bool {
	own, err := readStatus("self")
	if err != nil || own.seccomp != st.seccomp || own.filters == 0 || own.filters != st.filters {
		return false // Linux 5.9 counts them
	}
	if p.spawned {
		return true
	}
	first, err := readStatus("1")
	if err != nil || first.filters != own.filters {
		return false
	}
	for _, ns := range []string{"pid", "mnt"} { // containers may share one of them
		links := map[string]bool{}
		for _, pid := range []string{"self", "1", fmt.Sprint(p.pid)} {
			link, err := os.Readlink("/proc/" + pid + "/ns/" + ns)
			if err != nil {
				return false
			}
			links[link] = true
		}
		if len(links) != 1 {
			return false
		}
	}
	return true
}

// tryCalls makes system calls with arguments that no call takes, to see whether the filter of this
// process kills for them: then it kills us, and not the program, which goes on. That a filter looks
// at arguments, and kills for ours, is not seen. False where one cannot be tried.
func tryCalls(numbers ...uint64) bool {
	const none = ^uintptr(0)
	without := []uint64{unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
		unix.SYS_RT_SIGRETURN, unix.SYS_PAUSE, unix.SYS_SYNC, unix.SYS_VHANGUP} // they take none
	for _, nr := range numbers {
		if slices.Contains(without, nr) {
			return false
		}
		_, _, _ = unix.RawSyscall6(uintptr(nr), none, none, none, none, none, none) // it returns
	}
	return true
}
