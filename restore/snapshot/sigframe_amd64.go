package snapshot

import (
	"golang.org/x/sys/unix"

	"pyfreeze/restore/guard"
)

// Layout of an XSAVE area (Intel SDM vol. 1, 13.4), and of what the kernel wants to find in that of a signal frame
// (arch/x86/include/uapi/asm/sigcontext.h).
const (
	xsaveSoftware = 464
	xsaveHeader   = 512
	xsaveExtended = 576
	fpMagic1      = 0x46505853
	fpMagic2      = 0x46505845

	// FrameRSP is the offset of the stack pointer in what Frame returns.
	FrameRSP   = 160
	frameSize  = 304 // of ucontext_t, as far as the kernel reads it
	frameExtra = 64  // its alignment
)

// Frame returns what rt_sigreturn takes for a thread to go on with these registers: a ucontext_t, with an XSAVE area behind. at is where it
// will lie, a multiple of 64; stack is the stack_t of the thread's alternate stack.
func Frame(at uint64, r *unix.PtraceRegs, xstate []byte, mask uint64, stack [24]byte) []byte {
	const fpAt = (frameSize + frameExtra - 1) &^ (frameExtra - 1)
	features, size := guard.XSave()
	b := make([]byte, fpAt+int(size)+4)
	le.PutUint64(b, 7) // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS
	copy(b[16:], stack[:])
	for i, v := range []uint64{r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rdi, r.Rsi, r.Rbp, r.Rbx, r.Rdx, r.Rax, r.Rcx, r.Rsp,
		r.Rip, r.Eflags} {
		le.PutUint64(b[40+8*i:], v)
	}
	le.PutUint16(b[184:], uint16(r.Cs))
	le.PutUint16(b[190:], uint16(r.Ss))
	le.PutUint64(b[224:], at+fpAt)
	le.PutUint64(b[296:], mask)
	fp := b[fpAt : fpAt+int(size)]
	copy(fp, xstate)
	if len(xstate) < xsaveExtended { // none is known: the state of a new process
		clear(fp)
		le.PutUint16(fp, 0x37f)
		le.PutUint32(fp[24:], 0x1f80)
	}
	clear(fp[xsaveSoftware:xsaveHeader])
	le.PutUint32(fp[xsaveSoftware:], fpMagic1)
	le.PutUint32(fp[xsaveSoftware+4:], uint32(size)+4)
	le.PutUint64(fp[xsaveSoftware+8:], features)
	le.PutUint32(fp[xsaveSoftware+16:], uint32(size))
	le.PutUint64(fp[xsaveHeader:], le.Uint64(fp[xsaveHeader:])&features)
	clear(fp[xsaveHeader+8 : xsaveExtended])
	le.PutUint32(b[fpAt+int(size):], fpMagic2)
	return b
}

// callAgain changes the registers of a thread that a stop took out of a system call so that it makes the call again: the kernel does that
// itself only for a thread that goes on (arch/x86/kernel/signal.c).
func callAgain(r *unix.PtraceRegs) {
	const restartSys, restartNoIntr, restartNoHand, restartBlock = -512, -513, -514, -516
	if int64(r.Orig_rax) < 0 {
		return
	}
	switch int64(r.Rax) {
	case restartSys, restartNoIntr, restartNoHand, restartBlock:
		r.Rip -= 2
		r.Rax = r.Orig_rax
	}
	r.Orig_rax = ^uint64(0)
}

// nestedCall sets registers for a call of the function at fn below what a thread uses of its stack.
func nestedCall(r *unix.PtraceRegs, fn uint64) {
	const redZone, directionFlag, trapFlag = 128, 1 << 10, 1 << 8
	r.Rsp = (r.Rsp - redZone - 64) &^ 15
	r.Rip = fn
	r.Eflags &^= directionFlag | trapFlag
	r.Orig_rax = ^uint64(0)
}

// asChild sets registers for the child at the return of a fork.
func asChild(r *unix.PtraceRegs) {
	r.Rax = 0
	r.Orig_rax = ^uint64(0)
}

// makesProcess says whether a system call is one that makes a process. flags are its own.
func makesProcess(nr uint64) bool {
	return nr == unix.SYS_CLONE || nr == unix.SYS_CLONE3 || nr == unix.SYS_FORK || nr == unix.SYS_VFORK
}

// cloneFlags returns the flags of a clone at whose entry a thread is; clone3's are behind its first argument.
func cloneFlags(r *unix.PtraceRegs) (flags, behind uint64) {
	switch r.Orig_rax {
	case unix.SYS_CLONE:
		return r.Rdi, 0
	case unix.SYS_CLONE3:
		return 0, r.Rdi
	}
	return 0, 0
}
