package tracer

import (
	"sync"
	"syscall"
	"unsafe"
)

// noStopSignals keeps the kernel from sending this process a SIGCHLD for each stop of a process
// that it traces: Go has a handler for it, which takes a sixth of what a stop costs, and nobody
// here waits for that signal. The end of a child is told as ever.
var noStopSignals = sync.OnceFunc(func() {
	const sigsetSize, noChildStop = 8, 1                       // SA_NOCLDSTOP
	var action struct{ handler, flags, restorer, mask uint64 } // struct sigaction of the kernel
	get, set := uintptr(0), uintptr(unsafe.Pointer(&action))
	_, _, e := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGCHLD), get, set,
		sigsetSize, 0, 0)
	if e != 0 {
		return
	}
	action.flags |= noChildStop
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGCHLD), set, get,
		sigsetSize, 0, 0)
})
