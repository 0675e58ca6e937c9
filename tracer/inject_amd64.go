package tracer

import (
	"fmt"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// syscallInsn is the encoding of SYSCALL.
var syscallInsn = []byte{0x0f, 0x05}

const syscallLen = 2

var (
	// breakInsn is INT3, after which the instruction pointer is behind it.
	breakInsn = []byte{0xcc}
	// callInsn is a system call and the return from a function.
	callInsn = []byte{0x0f, 0x05, 0xc3}
	// restorerInsn is mov $15,%rax; syscall: rt_sigreturn, the way the C libraries
	// write it, since debuggers recognise a signal frame by it.
	restorerInsn = []byte{0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}
)

// setCall sets registers so that the SYSCALL instruction at site does call nr.
func setCall(regs *unix.PtraceRegs, site procmem.Addr, nr uint64, args []uint64) error {
	slots := []*uint64{&regs.Rdi, &regs.Rsi, &regs.Rdx, &regs.R10, &regs.R8, &regs.R9}
	if len(args) > len(slots) {
		return fmt.Errorf("a system call has at most %d arguments, not %d", len(slots), len(args))
	}
	for i, a := range args {
		*slots[i] = a
	}
	regs.Rip, regs.Rax = uint64(site), nr
	// Not in a system call: or the kernel would move RIP back to restart it.
	regs.Orig_rax = ^uint64(0)
	return nil
}

// callOf gives the system call that a thread is at the entry of.
func callOf(regs *unix.PtraceRegs) (nr uint64, args [6]uint64) {
	return regs.Orig_rax, [6]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9}
}

// result gives what the call returned.
func result(regs *unix.PtraceRegs) uint64 { return regs.Rax }

// skipCall keeps the call at whose entry a thread is from being made.
func skipCall(regs *unix.PtraceRegs) { regs.Orig_rax = ^uint64(0) }

// setResult sets what a call has returned.
func setResult(regs *unix.PtraceRegs, v uint64) { regs.Rax = v }
