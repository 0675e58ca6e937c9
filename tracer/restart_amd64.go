package tracer

import "golang.org/x/sys/unix"

const (
	eintr = 4
	// erestartnohand, in the result of an interrupted call, makes the kernel
	// restart it, or fail with EINTR when a handler runs first.
	erestartnohand = 514
)

// endless says for calls that fail with EINTR whenever their thread is stopped,
// even without a signal (signal(7), last section), whether they wait without a
// time limit. The kernel restarts all others by itself.
var endless = map[uint64]func(*unix.PtraceRegs) bool{
	unix.SYS_EPOLL_WAIT:      func(r *unix.PtraceRegs) bool { return int32(r.R10) < 0 },
	unix.SYS_EPOLL_PWAIT:     func(r *unix.PtraceRegs) bool { return int32(r.R10) < 0 },
	unix.SYS_EPOLL_PWAIT2:    func(r *unix.PtraceRegs) bool { return r.R10 == 0 },
	unix.SYS_RT_SIGTIMEDWAIT: func(r *unix.PtraceRegs) bool { return r.Rdx == 0 },
	unix.SYS_SEMOP:           func(*unix.PtraceRegs) bool { return true },
	unix.SYS_SEMTIMEDOP:      func(r *unix.PtraceRegs) bool { return r.R10 == 0 },
	unix.SYS_IO_GETEVENTS:    func(r *unix.PtraceRegs) bool { return r.R8 == 0 },
}

// makeRestart changes the result of an interrupted call so that the target does
// not see the interruption, and says whether it did. A call with a time limit is
// left to fail: restarted, it would wait too long.
func makeRestart(regs *unix.PtraceRegs) bool {
	if int64(regs.Rax) != -eintr {
		return false
	}
	noLimit, ok := endless[regs.Orig_rax]
	if !ok || !noLimit(regs) {
		return false
	}
	r := int64(-erestartnohand)
	regs.Rax = uint64(r)
	return true
}
