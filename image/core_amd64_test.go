package image

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// xstate reads the vector registers of a stopped thread.
func xstate(t *testing.T, tid int) []byte {
	t.Helper()
	b := make([]byte, 64<<10)
	iov := unix.Iovec{Base: &b[0], Len: uint64(len(b))}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETREGSET, uintptr(tid), ntX86XState, uintptr(unsafe.Pointer(&iov)), 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return b[:iov.Len]
}
