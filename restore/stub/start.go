package stub

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

// launcher is not a Go function: it is C code in the program's text (launch.c, guards.c, spawn.c), which entry calls.
//
//lint:ignore U1000 it is C code, which entry_amd64.s calls
func launcher()

// Linked says whether this binary has the launcher: it was linked with -E pyfreeze/restore/stub.entry, and that has run.
func Linked() bool { return startKnown != 0 }

// RestoreStart gives the process back what the Go runtime changed in it. It is called last before an execve.
func RestoreStart() {
	if startKnown == 0 {
		return
	}
	for fd := 0; fd < 3; fd++ {
		if startClosed&(1<<fd) != 0 {
			_ = unix.Close(fd)
		}
	}
	const sigSetMask = 2
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(&startMask)), 0, 8, 0, 0)
}
