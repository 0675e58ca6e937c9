package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

var le = binary.LittleEndian

// Kind is how the main thread of a copy stands.
type Kind int

const (
	// Forked is the child of a fork() that the agent of the stub made, at the return of the system call.
	Forked Kind = iota
	// Held stands at a point between two instructions of Python, and has the GIL.
	Held
	// Waiting is in a system call, or waits for the GIL, and has not got it.
	Waiting
)

// Copy is a consistent copy of a process. Close releases it.
type Copy struct {
	PID    int
	OwnPID int // that the process has for itself, in its own namespace
	// HooksPID is that of the child in which the program's hooks ran, which was copied; 0: none.
	HooksPID int
	Interp   *symbols.Interpreter
	Layout   *symbols.Layout
	Start    Start
	Kind     Kind
	Space    *procmem.Space
	Maps     []procmem.Mapping
	// Uncopied is what an attached process has and its twin, a fork, has not: MADV_DONTFORK of
	// madvise(2).
	Uncopied []procmem.Mapping
	// Flags are VmFlags of /proc/PID/smaps, by the start of a mapping: "wf", "dc", ... nil where they are not known.
	Flags   map[procmem.Addr][]string
	Threads []Thread // all that the process had, the main one first
	Kernel  Kernel
	FDs     []Descriptor
	// Base is the region of the loader stub, chosen where the process has nothing.
	Base  procmem.Addr
	State *State // now
	// Script is where a Forked copy has the thaw script loaded; 0 in others, and where it could not
	// be.
	Script procmem.Addr
	// Learned is where a Forked copy has the code of modules that a thaw may import; 0: none.
	Learned procmem.Addr
	// Point is where the program goes on after a Forked or Held copy; nil for Waiting.
	Point *Point
	// AtPoint is the memory of a command of ours, stopped at its point again once a Forked copy was made: the parent's handlers have run.
	AtPoint procmem.Reader
	// GILHolder is the thread id of the thread that has the GIL, 0 if it is free.
	GILHolder int
	// Dropping says that the holder is about to give the GIL away: its thread state is not the current one any more.
	Dropping bool
	Busy     bool          // the GIL was held when the process was found
	Stopped  time.Duration // the longest time that the process was stopped at a stretch
	Python   int           // how many of the threads are Python's
	// release ends the twin that Space reads from, where it does so only when it is asked; nil
	// where Space is complete.
	release func() error
}

// Close releases the memory of the copy and the interpreter's file.
func (c *Copy) Close() error {
	err := c.Release()
	if c.Interp != nil {
		err = errors.Join(err, c.Interp.Module.File.Close())
	}
	return err
}

// Release releases the memory of the copy.
func (c *Copy) Release() error {
	var err error
	if c.Space != nil {
		err = c.Space.Close()
	}
	if c.release != nil {
		err = errors.Join(err, c.release())
		c.release = nil
	}
	return err
}

// Point is a place in the program's own code.
type Point struct {
	Regs    unix.PtraceRegs
	XState  []byte
	SigMask uint64 // signals blocked there
}

// Thread is one thread of a copy.
type Thread struct {
	Tid     int
	Regs    unix.PtraceRegs // as if the system call that the copy interrupted were to be made again
	XState  []byte
	SigMask uint64
	tracer.Registered
	TidAt   procmem.Addr // where libc keeps the thread's id, 0 if that is not known
	ClearAt procmem.Addr // what the kernel clears at the thread's end (set_tid_address(2))
	Name    string
}

// Kernel is what the kernel keeps of a process, beside its memory and threads.
type Kernel struct {
	Cwd     string
	Auxv    []byte
	Actions [64][4]uint64 // struct sigaction of the kernel, for signals 1 to 64
	Stack   [24]byte      // stack_t of the main thread's alternate stack
	MM      [7]uint64     // start_code, end_code, start_data, end_data, start_brk, brk, start_stack (proc_pid_stat(5))
	Comm    string
}

// Start is how a process was started.
type Start struct {
	Argv, Environ []string
	Cwd, Comm     string
	Exe           string    // that the kernel started: the loader, where that was given the interpreter
	Mask, Ignored uint64    // signals blocked and ignored; 0 where they are not known
	FDs           []int     // descriptors above 2 that were inherited; nil where they are not known
	Time          time.Time // not before
	State         *State    // nil where it is not known
}

// TimeoutError says that the target came to no point where its objects are consistent.
type TimeoutError struct {
	After time.Duration
	Why   string
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("no safe point within %v: %s (try again, or give --timeout more)", e.After, e.Why)
}

// NoSafePointsError says that no place is known where this interpreter's objects are consistent.
type NoSafePointsError struct{ Path string }

func (e *NoSafePointsError) Error() string {
	return fmt.Sprintf("the debug information of %s lacks drop_gil, _PyErr_CheckSignalsTstate and _Py_HandlePending", e.Path)
}

// StateError says that a process is in a state in which it cannot be copied for a thaw, and what to do.
type StateError struct{ What, Remedy string }

func (e *StateError) Error() string {
	s := "cannot freeze: the process has " + e.What
	if e.Remedy != "" {
		s += " (" + e.Remedy + ")"
	}
	return s
}

// CommandEndedError says that a command ended before it came to the point where it was to be frozen.
type CommandEndedError struct {
	Command string
	Status  syscall.WaitStatus
	Known   bool     // Status is
	Missed  string   // what it did not come to
	Close   []string // names that were close to what it was to come to
}

func (e *CommandEndedError) Error() string {
	how := ""
	switch {
	case e.Known && e.Status.Signaled():
		how = fmt.Sprintf(", of signal %d", int(e.Status.Signal()))
	case e.Known:
		how = fmt.Sprintf(" with exit status %d", e.Status.ExitStatus())
	}
	s := fmt.Sprintf("%s ended%s and %s", e.Command, how, e.Missed)
	if len(e.Close) > 0 {
		s += "; close to that it has " + strings.Join(e.Close, ", ")
	}
	return s
}

// AtError says that a point to freeze at is none.
type AtError struct{ At, Why string }

func (e *AtError) Error() string { return fmt.Sprintf("--at %s: %s", e.At, e.Why) }

// NoSpotError says that a program did something before its first line that must not be done twice.
type NoSpotError struct{}

func (e *NoSpotError) Error() string {
	return "there is no point before which the program does nothing that others could tell " +
		"(give --at MODULE:FUNCTION)"
}
