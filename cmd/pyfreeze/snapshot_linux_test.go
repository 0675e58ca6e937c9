package main

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// signalMask reads a stopped tracee's mask of blocked signals, PTRACE_GETSIGMASK, which x/sys lacks.
func signalMask(t testing.TB, tid int) uint64 {
	t.Helper()
	const getSigMask = 0x420a
	var mask uint64
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSigMask, uintptr(tid), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)), 0, 0)
	if errno != 0 {
		t.Fatalf("signal mask of %d: %v", tid, errno)
	}
	return mask
}
