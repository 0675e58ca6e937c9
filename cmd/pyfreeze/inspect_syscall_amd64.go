package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pyfreeze/pyheap"
)

// systemCall gives the system call that a thread is in, and its arguments. A core file has the call
// in orig_rax; a process and an image have registers that make it again.
func (s *subject) systemCall(n *nativeThread) (nr uint64, args [3]uint64, ok bool) {
	r := &n.regs
	args = [3]uint64{r.Rdi, r.Rsi, r.Rdx}
	if int64(r.Orig_rax) >= 0 {
		return r.Orig_rax, args, true
	}
	// mov eax, NUMBER; syscall; the next instruction: r.Rip is at the middle or at the last.
	const move, ahead = 0xb8, 7
	var code [ahead + 2]byte
	if _, err := s.space.ReadAt(code[:], pyheap.Addr(r.Rip-ahead)); err != nil {
		return 0, args, false
	}
	call := [2]byte{0x0f, 0x05}
	switch {
	case [2]byte(code[ahead:]) == call:
		return r.Rax, args, true
	// one that is not made again
	case [2]byte(code[ahead-2:]) == call && -int64(r.Rax) == int64(unix.EINTR) && code[0] == move:
		return uint64(code[1]) | uint64(code[2])<<8, args, true
	}
	return 0, args, false
}

// futex gives where a thread sleeps, 0 where it does not.
func (s *subject) futex(n *nativeThread) pyheap.Addr {
	nr, args, ok := s.systemCall(n)
	if !ok || nr != unix.SYS_FUTEX && nr != unix.SYS_RESTART_SYSCALL {
		return 0
	}
	return pyheap.Addr(args[0])
}

// shownCall is the system call that a thread is in, as --json prints it.
type shownCall struct {
	Number     uint64 `json:"number"`
	Name       string `json:"name,omitempty"`
	Descriptor *int   `json:"descriptor,omitempty"`
	File       string `json:"file,omitempty"` // what the descriptor is, of a process
}

func (c *shownCall) String() string {
	text := c.Name
	if text == "" {
		text = fmt.Sprintf("system call %d", c.Number)
	}
	if c.Descriptor != nil {
		text += fmt.Sprintf(" of descriptor %d", *c.Descriptor)
	}
	if c.File != "" {
		text += ", " + c.File
	}
	return text
}

// callNames are the system calls in which a thread may stay for long; those of the second map have
// a descriptor for their first argument.
var (
	callNames = map[uint64]string{unix.SYS_POLL: "poll", unix.SYS_PPOLL: "ppoll",
		unix.SYS_SELECT:   "select",
		unix.SYS_PSELECT6: "pselect6", unix.SYS_NANOSLEEP: "nanosleep",
		unix.SYS_CLOCK_NANOSLEEP: "clock_nanosleep",
		unix.SYS_WAIT4:           "wait4", unix.SYS_WAITID: "waitid", unix.SYS_PAUSE: "pause",
		unix.SYS_FUTEX:           "futex",
		unix.SYS_RT_SIGTIMEDWAIT: "rt_sigtimedwait", unix.SYS_RT_SIGSUSPEND: "rt_sigsuspend",
		unix.SYS_MSGRCV: "msgrcv",
		unix.SYS_SEMOP:  "semop", unix.SYS_SEMTIMEDOP: "semtimedop", unix.SYS_OPEN: "open",
		unix.SYS_OPENAT: "openat"}
	callsOnFiles = map[uint64]string{unix.SYS_READ: "read", unix.SYS_WRITE: "write",
		unix.SYS_READV:  "readv",
		unix.SYS_WRITEV: "writev", unix.SYS_PREAD64: "pread64", unix.SYS_PWRITE64: "pwrite64",
		unix.SYS_ACCEPT:  "accept",
		unix.SYS_ACCEPT4: "accept4", unix.SYS_CONNECT: "connect", unix.SYS_RECVFROM: "recvfrom",
		unix.SYS_RECVMSG: "recvmsg",
		unix.SYS_SENDTO:  "sendto", unix.SYS_SENDMSG: "sendmsg", unix.SYS_EPOLL_WAIT: "epoll_wait",
		unix.SYS_EPOLL_PWAIT: "epoll_pwait", unix.SYS_FLOCK: "flock", unix.SYS_FCNTL: "fcntl",
		unix.SYS_FSYNC:     "fsync",
		unix.SYS_FDATASYNC: "fdatasync", unix.SYS_IOCTL: "ioctl", unix.SYS_SENDFILE: "sendfile",
		unix.SYS_CLOSE: "close"}
)

// call describes the system call that a thread is in; nil where it is in none.
func (s *subject) call(n *nativeThread) *shownCall {
	nr, args, ok := s.systemCall(n)
	if !ok {
		return nil
	}
	c := &shownCall{Number: nr, Name: callNames[nr]}
	if name := callsOnFiles[nr]; name != "" {
		fd := int(int32(args[0]))
		c.Name, c.Descriptor = name, &fd
		if s.kind == "process" { // it may be closed by now
			c.File, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", s.pid, fd))
		}
	}
	return c
}
