package tracer

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Call is a system call of the main thread of a process.
type Call struct {
	Nr     uint64
	Args   [6]uint64
	Done   bool // it has returned; else it has not been made yet
	Result int64
}

// callInfo is struct ptrace_syscall_info of linux/ptrace.h.
type callInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	nr   uint64 // or the result
	args [6]uint64
	_    [2]uint64
}

// What callInfo.op says.
const (
	callEntered  = 1 // PTRACE_SYSCALL_INFO_ENTRY
	callReturned = 2 // PTRACE_SYSCALL_INFO_EXIT
)

// Stop is why ContinueToStop has returned.
type Stop struct {
	WatchEvent
	Call *Call // that was wanted; nil where a watch was hit or a program executed
	// Family is how many processes that the process had started were killed.
	Family int
}

// ContinueToStop lets the main thread of a spawned process, and all others, run until one of its
// watches is hit, it executes another program, or want accepts a system call, of which it is
// asked twice: before and after. want runs on the thread that traces, and must not call methods
// of p; it may read the process, which is stopped. Signals are passed on at once. At the deadline
// it returns ErrStepTimeout, and the thread runs on: call it again, or Kill. A process that is
// killed before a call was made never makes it. Errors: *ExitError, ErrStepTimeout, those of
// ptrace (PTRACE_GET_SYSCALL_INFO needs Linux 5.3).
func (p *Process) ContinueToStop(deadline time.Time, want func(*Call) bool) (ev Stop, err error) {
	err = p.withThread(p.pid, func(t *thread) error {
		if err := p.markCalls(t); err != nil {
			return err
		}
		for {
			s, err := p.nextStop(unix.PTRACE_SYSCALL, t, deadline)
			if err != nil {
				return err
			}
			switch {
			case s.kind == stopCall:
				call, err := p.callAt(t)
				if err != nil {
					return err
				}
				if want(call) {
					ev.Call = call
					return nil
				}
			default:
				stopped, err := p.watchStop(t, s, &ev.WatchEvent)
				if stopped || err != nil {
					return err
				}
			}
		}
	})
	return ev, err
}

// callAt tells of the system call that a thread has stopped for.
func (p *Process) callAt(t *thread) (*Call, error) {
	var info callInfo
	size := unsafe.Sizeof(info)
	err := ptracePtr(unix.PTRACE_GET_SYSCALL_INFO, t.tid, size, unsafe.Pointer(&info))
	if err != nil {
		return nil, p.opError(t.tid, "read the system call of", err)
	}
	if info.op == callEntered {
		t.call = Call{Nr: info.nr, Args: info.args}
		c := t.call
		return &c, nil
	}
	c := t.call
	c.Done = true
	if info.op == callReturned {
		c.Result = int64(info.nr)
	}
	return &c, nil
}
