package tracer

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests and events that x/sys does not wrap (linux/include/uapi/linux/ptrace.h).
const (
	ptraceGetSigMask = 0x420a
	ptraceSetSigMask = 0x420b
	ptraceListen     = 0x4208

	sigsetSize = 8 // the kernel's sigset_t

	// siginfoSize is the size of siginfo_t on every 64-bit Linux.
	siginfoSize = 128
)

// siginfo is a siginfo_t as the kernel gives it, not decoded.
type siginfo [siginfoSize]byte

func (s *siginfo) code() int32 {
	return *(*int32)(unsafe.Pointer(&s[8]))
}

// ptrace does one request. Precondition: the caller is the tracing OS thread.
func ptrace(req, tid int, addr, data uintptr) error {
	_, _, e := syscall.Syscall6(syscall.SYS_PTRACE, uintptr(req), uintptr(tid), addr, data, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// ptracePtr does one request whose data argument is a pointer.
func ptracePtr(req, tid int, addr uintptr, data unsafe.Pointer) error {
	_, _, e := syscall.Syscall6(syscall.SYS_PTRACE, uintptr(req), uintptr(tid), addr, uintptr(data), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

func getSigMask(tid int) (mask uint64, err error) {
	err = ptracePtr(ptraceGetSigMask, tid, sigsetSize, unsafe.Pointer(&mask))
	return mask, err
}

func setSigMask(tid int, mask uint64) error {
	return ptracePtr(ptraceSetSigMask, tid, sigsetSize, unsafe.Pointer(&mask))
}

func getSiginfo(tid int) (info siginfo, err error) {
	err = ptracePtr(unix.PTRACE_GETSIGINFO, tid, 0, unsafe.Pointer(&info))
	return info, err
}

// getEventMessage gives what an event is about: the id of the new process.
func getEventMessage(tid int) (msg uint64, err error) {
	err = ptracePtr(unix.PTRACE_GETEVENTMSG, tid, 0, unsafe.Pointer(&msg))
	return msg, err
}

// getRegset reads a register set into p and gives the part that was filled.
func getRegset(tid int, set uintptr, p []byte) ([]byte, error) {
	iov := unix.Iovec{Base: &p[0]}
	iov.SetLen(len(p))
	if err := ptracePtr(unix.PTRACE_GETREGSET, tid, set, unsafe.Pointer(&iov)); err != nil {
		return nil, err
	}
	return p[:iov.Len], nil
}

func setRegset(tid int, set uintptr, p []byte) error {
	iov := unix.Iovec{Base: &p[0]}
	iov.SetLen(len(p))
	return ptracePtr(unix.PTRACE_SETREGSET, tid, set, unsafe.Pointer(&iov))
}

// waitTID is wait4 for one thread. It does not retry on EINTR.
func waitTID(tid int, flags int) (got int, ws syscall.WaitStatus, err error) {
	var status int32
	r, _, e := syscall.Syscall6(syscall.SYS_WAIT4, uintptr(tid), uintptr(unsafe.Pointer(&status)),
		uintptr(flags|syscall.WALL), 0, 0, 0)
	if e != 0 {
		return 0, 0, e
	}
	return int(r), syscall.WaitStatus(status), nil
}
