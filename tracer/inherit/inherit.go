// Package inherit gives a process, and so all that it starts, what a test expects of a fresh one,
// whatever started it: nohup, a service manager, a container.
package inherit

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Usual sets what a process inherits: signals that were ignored have their default action again and
// none is blocked, the umask is 022, the soft limits are those of a login, no descriptors above 2
// are passed on, and the environment has no variables that change what Python prints or writes.
func Usual() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var none, blocked uint64
	err := sigcall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, unsafe.Pointer(&none),
		unsafe.Pointer(&blocked))
	if err != nil {
		return err
	}
	for n := 1; n <= 64; n++ {
		var action, old [4]uint64 // struct sigaction of the kernel: the handler first
		if n == int(unix.SIGKILL) || n == int(unix.SIGSTOP) {
			continue
		}
		if err := sigcall(unix.SYS_RT_SIGACTION, n, nil, unsafe.Pointer(&old)); err != nil {
			return err
		}
		if old[0] != 1 { // SIG_IGN; what Go handles itself is default in what it starts
			continue
		}
		if err := sigcall(unix.SYS_RT_SIGACTION, n, unsafe.Pointer(&action), nil); err != nil {
			return err
		}
	}
	unix.Umask(0o022)
	for resource, most := range map[int]uint64{
		unix.RLIMIT_NOFILE: 20000, unix.RLIMIT_STACK: 8 << 20, unix.RLIMIT_CORE: 0,
	} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil {
			return err
		}
		limit.Cur = min(most, limit.Max)
		if err := unix.Setrlimit(resource, &limit); err != nil {
			return err
		}
	}
	err = unix.CloseRange(3, ^uint(0)>>33, unix.CLOSE_RANGE_CLOEXEC)
	if err != nil && err != unix.ENOSYS {
		return err
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "PYTHON") || name == "DEBUGINFOD_URLS" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	if blocked == 0 {
		return nil
	}
	// What Go starts has the mask that Go itself was started with: once more, without.
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, os.Args, os.Environ())
}

// sigcall does a system call that takes a number and two pointers, old and new, and the size of a
// set of signals.
func sigcall(nr uintptr, n int, set, old unsafe.Pointer) error {
	if _, _, e := syscall.Syscall6(nr, uintptr(n), uintptr(set), uintptr(old), 8, 0, 0); e != 0 {
		return e
	}
	return nil
}
