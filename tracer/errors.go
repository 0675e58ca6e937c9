package tracer

import (
	"errors"
	"fmt"
	"time"

	"pyfreeze/procmem"
)

// ErrNoProcess says that the process does not exist (any more).
var ErrNoProcess = procmem.ErrNoProcess

// ErrZombie says that the process has ended and only waits for its parent.
var ErrZombie = errors.New("the process has ended already (a zombie that its parent has not reaped)")

// ErrKernelThread says that the process is a thread of the kernel.
var ErrKernelThread = errors.New("a kernel thread has no memory of its own and cannot be traced")

// ErrSelf says that a process was asked to trace itself.
var ErrSelf = errors.New("a process cannot trace itself")

// ErrDetached says that the process is not traced any more.
var ErrDetached = errors.New("the process is not traced any more")

// ErrStepTimeout says that a thread did not finish an instruction in time: it is
// blocked in a system call. It has been interrupted and is stopped.
var ErrStepTimeout = errors.New("the thread did not finish an instruction in time (it is blocked in a system call)")

// ErrNoSyscall says that no system call instruction was found in the target.
var ErrNoSyscall = errors.New("no system call instruction found in the target's vDSO, ld.so or libc")

// NoThreadError says that a thread id names no thread of the process that is
// stopped under the tracer; it has ended, perhaps.
type NoThreadError struct {
	PID, TID int
}

func (e *NoThreadError) Error() string {
	return fmt.Sprintf("process %d has no thread %d (it may have ended)", e.PID, e.TID)
}

// Unwrap gives ErrNoProcess.
func (e *NoThreadError) Unwrap() error { return ErrNoProcess }

// NotLeaderError says that a thread id was given in place of a process id.
type NotLeaderError struct {
	TID, PID int
}

func (e *NotLeaderError) Error() string {
	return fmt.Sprintf("%d is a thread of process %d: use the process id %d", e.TID, e.PID, e.PID)
}

// ExitError says that a thread has ended while the tracer worked with it.
type ExitError struct {
	TID    int
	Signal int // that killed it, or 0
	Status int // exit status, when no signal did
	Known  bool
}

func (e *ExitError) Error() string {
	switch {
	case !e.Known:
		return fmt.Sprintf("thread %d has ended", e.TID)
	case e.Signal != 0:
		return fmt.Sprintf("thread %d was killed by signal %d", e.TID, e.Signal)
	}
	return fmt.Sprintf("thread %d has ended with status %d", e.TID, e.Status)
}

// Unwrap gives ErrNoProcess.
func (e *ExitError) Unwrap() error { return ErrNoProcess }

// StuckError says that a thread could not be stopped in time.
type StuckError struct {
	PID, TID int
	State    string // of /proc/PID/stat, such as "D"
	Wchan    string // kernel function it waits in, if known
	After    time.Duration
}

func (e *StuckError) Error() string {
	s := fmt.Sprintf("thread %d of process %d did not stop within %v (state %s", e.TID, e.PID, e.After, e.State)
	if e.Wchan != "" {
		s += " in " + e.Wchan
	}
	return s + "): it waits uninterruptibly, for a disk, a network file system or a vfork child; try again later"
}

// FaultError says that a thread got a signal for what its own code did, such as
// SIGSEGV, or hit a breakpoint, where that was not expected. The signal has not
// been delivered; the thread has not passed the instruction.
type FaultError struct {
	TID, Signal int
	PC          procmem.Addr
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("thread %d got signal %d for its instruction at %v", e.TID, e.Signal, e.PC)
}

// SeccompError says that no system call can be injected into a thread, since its
// seccomp filter might kill the process for it.
type SeccompError struct {
	TID int
	Err error // why the filter could not be suspended
}

func (e *SeccompError) Error() string {
	return fmt.Sprintf("thread %d runs under a seccomp filter, which might kill it for a system call "+
		"of ours, and suspending the filter failed (%v); run pyfreeze outside of the container or "+
		"sandbox, with CAP_SYS_ADMIN", e.TID, e.Err)
}

// Unwrap gives the cause.
func (e *SeccompError) Unwrap() error { return e.Err }
