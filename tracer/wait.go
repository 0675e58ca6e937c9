package tracer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopKind says why a tracee stopped.
type stopKind int

const (
	stopInterrupt stopKind = iota // PTRACE_INTERRUPT, or SIGCONT ended a group-stop
	stopGroup                     // group-stop (SIGSTOP and its like)
	stopSignal                    // signal-delivery-stop
	stopEvent                     // PTRACE_EVENT_EXEC and the like
	stopCall                      // entry to, or return from, a system call
	stopExit                      // it has ended
)

// stop is a decoded wait status.
type stop struct {
	kind   stopKind
	signal syscall.Signal
	event  int
	exit   *ExitError
	status syscall.WaitStatus
}

// decode classifies a wait status of thread tid.
func decode(tid int, ws syscall.WaitStatus) (stop, error) {
	switch {
	case ws.Exited():
		return stop{kind: stopExit, status: ws, exit: &ExitError{TID: tid, Status: ws.ExitStatus(), Known: true}}, nil
	case ws.Signaled():
		return stop{kind: stopExit, status: ws, exit: &ExitError{TID: tid, Signal: int(ws.Signal()), Known: true}}, nil
	case !ws.Stopped():
		return stop{}, fmt.Errorf("thread %d: unexpected wait status %#x", tid, uint32(ws))
	}
	s := stop{kind: stopSignal, signal: ws.StopSignal(), event: int(uint32(ws) >> 16)}
	switch {
	case s.event == unix.PTRACE_EVENT_STOP && s.signal == syscall.SIGTRAP:
		s.kind = stopInterrupt
	case s.event == unix.PTRACE_EVENT_STOP:
		s.kind = stopGroup
	case s.event != 0:
		s.kind = stopEvent
	case s.signal == syscall.SIGTRAP|0x80: // PTRACE_O_TRACESYSGOOD
		s.kind = stopCall
	}
	return s, nil
}

// poll asks once whether a thread has stopped. With thorough it also notices a
// leader that has ended before its threads, of which there is no report yet.
func (p *Process) poll(t *thread, thorough bool) (s stop, ok bool, err error) {
	ended := stop{kind: stopExit, exit: &ExitError{TID: t.tid}}
	got, ws, err := waitTID(t.tid, syscall.WNOHANG)
	if err == nil && got == 0 && thorough && t.tid == p.pid && taskState(p.pid, t.tid) == "Z" {
		// If it ended just now there is a report, which we must take: its parent waits for that.
		if got, ws, err = waitTID(t.tid, syscall.WNOHANG); err == nil && got == 0 {
			return ended, true, nil
		}
	}
	switch {
	case errors.Is(err, syscall.ECHILD):
		// Another thread's exec takes all others away without a report.
		return ended, true, nil
	case errors.Is(err, syscall.EINTR):
		return stop{}, false, nil
	case err != nil:
		return stop{}, false, fmt.Errorf("cannot wait for thread %d: %w", t.tid, err)
	case got != 0:
		s, err = decode(t.tid, ws)
		return s, err == nil, err
	}
	return stop{}, false, nil
}

// spins is how often, and spinning how long, a wait asks before it sleeps. A
// thread that is about to stop does so within microseconds, and sleeping costs
// more than asking; but on a busy machine to yield may take milliseconds.
const (
	spins    = 300
	spinning = 300 * time.Microsecond
)

// backoff paces the asking: at first it only yields the processor, which the
// tracee may need, later it sleeps for longer and longer. It makes the system
// calls itself: Go's scheduler would move this locked thread's work back and
// forth, and rounds short sleeps up to a millisecond.
type backoff struct {
	n     int
	start time.Time
	pause time.Duration
}

func (b *backoff) wait() {
	if b.n == 0 {
		b.start = time.Now()
	}
	b.n++
	if b.n < spins && time.Since(b.start) > spinning {
		b.n = spins
	}
	if b.n < spins {
		syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
		return
	}
	b.pause = min(max(2*b.pause, 20*time.Microsecond), time.Millisecond)
	ts := unix.NsecToTimespec(int64(b.pause))
	_ = unix.Nanosleep(&ts, nil) // cut short by a signal: the next one makes up for it
}

// sleeping says whether the short waits are over.
func (b *backoff) sleeping() bool { return b.n >= spins }

// waitStop waits until a thread stops or the deadline has passed; ok is false in
// that case. There is no blocking wait with a time limit in the kernel.
func (p *Process) waitStop(t *thread, deadline time.Time) (s stop, ok bool, err error) {
	var b backoff
	for {
		s, ok, err = p.poll(t, b.sleeping())
		if ok || err != nil {
			return s, ok, err
		}
		if b.sleeping() && time.Now().After(deadline) {
			return s, false, nil
		}
		b.wait()
	}
}
