package restore

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What entry (entry_amd64.s) found before the Go runtime started.
var (
	startClosed uint32 // bit n: descriptor n was closed
	startKnown  uint32
	startMask   uint64
)

// launcher is not a Go function: it is C code in the program's text (stub/launch.c,
// stub/spawn.c). At its start lies stub_spawn, eight bytes on launch_run, which
// entry calls.
//
//lint:ignore U1000 it is C code, which entry_amd64.s calls
func launcher()

// launcherAddr is where it lies.
func launcherAddr() uintptr

// callOnStack calls the C function at fn with one argument, on the stack that
// ends at stack. Precondition: all signals are blocked, the goroutine is
// locked to its thread.
func callOnStack(fn, arg, stack uintptr) int64

// blockSignals blocks every signal of the calling thread and returns the mask
// as it was.
func blockSignals() (uint64, error) {
	all, old := ^uint64(0), uint64(0)
	err := sigprocmask(&all, &old) // not in the return statement: old may be read before the call there
	return old, err
}

func setSignalMask(mask uint64) error { return sigprocmask(&mask, nil) }

func sigprocmask(set, old *uint64) error {
	const sigSetMask = 2
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// restoreStart gives the process back what the Go runtime changed in it.
// Called last before an execve.
func restoreStart() {
	if startKnown == 0 {
		return
	}
	for fd := 0; fd < 3; fd++ {
		if startClosed&(1<<fd) != 0 {
			_ = unix.Close(fd)
		}
	}
	_ = setSignalMask(startMask)
}
