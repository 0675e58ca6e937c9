package tracer

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// The frame that the kernel makes for a signal handler, struct rt_sigframe of
// arch/x86/include/asm/sigframe.h: when its thread does rt_sigreturn with the
// stack pointer right behind pretcode, it gets the state that the frame holds.
const (
	frameFlags     = 8   // ucontext.uc_flags
	frameAltstack  = 24  // ucontext.uc_stack
	frameContext   = 48  // ucontext.uc_mcontext
	frameSegments  = 192 // cs, gs, fs, ss, 16 bits each
	frameFPState   = 232 // pointer to the extended registers
	frameMask      = 304 // ucontext.uc_sigmask
	frameSize      = 448 // with its siginfo, which rt_sigreturn does not read
	frameArg0      = frameContext + 8*8
	flagFPState    = 1 // UC_FP_XSTATE
	flagSegments   = 2 | 4
	noSuchAltstack = 0x7fffffff // flags that the kernel refuses: the stack for signals stays as it is

	// The words that tell the kernel where the XSAVE format in a frame ends.
	xstateSoftware = 464
	xstateMagic1   = 0x46505853
	xstateMagic2   = 0x46505845
	xstateBV       = 512
	legacySize     = 512 + 64
	tileData       = 18 // the one component that a thread has only after it asked for it
	tileDataSize   = 8192
)

// putFrame writes a frame that gives a thread regs and mask. restorer is code
// that does rt_sigreturn; fpstate is 0 or the address of extended registers in
// the form of signalXState.
func putFrame(b []byte, restorer procmem.Addr, regs *unix.PtraceRegs, mask uint64, fpstate procmem.Addr) {
	put := binary.LittleEndian.PutUint64
	put(b, uint64(restorer))
	flags := uint64(flagSegments)
	if fpstate != 0 {
		flags |= flagFPState
	}
	put(b[frameFlags:], flags)
	binary.LittleEndian.PutUint32(b[frameAltstack+8:], noSuchAltstack)
	for i, v := range []uint64{
		regs.R8, regs.R9, regs.R10, regs.R11, regs.R12, regs.R13, regs.R14, regs.R15,
		regs.Rdi, regs.Rsi, regs.Rbp, regs.Rbx, regs.Rdx, regs.Rax, regs.Rcx, regs.Rsp, regs.Rip, regs.Eflags,
	} {
		put(b[frameContext+8*i:], v)
	}
	binary.LittleEndian.PutUint16(b[frameSegments:], uint16(regs.Cs))
	binary.LittleEndian.PutUint16(b[frameSegments+6:], uint16(regs.Ss))
	put(b[frameFPState:], uint64(fpstate))
	put(b[frameMask:], mask)
}

// signalXState turns extended registers as ptrace gives them into the form that
// rt_sigreturn takes.
func signalXState(state []byte) []byte {
	if len(state) < legacySize {
		return nil
	}
	size := len(state)
	features := binary.LittleEndian.Uint64(state[xstateSoftware:])
	inUse := binary.LittleEndian.Uint64(state[xstateBV:])
	if features&(1<<tileData) != 0 && inUse&(1<<tileData) == 0 && size-tileDataSize >= legacySize {
		size -= tileDataSize
		features &^= 1 << tileData
	}
	out := make([]byte, size+4)
	copy(out, state[:size])
	clear(out[xstateSoftware:512])
	binary.LittleEndian.PutUint32(out[xstateSoftware:], xstateMagic1)
	binary.LittleEndian.PutUint32(out[xstateSoftware+4:], uint32(size+4))
	binary.LittleEndian.PutUint64(out[xstateSoftware+8:], features)
	binary.LittleEndian.PutUint32(out[xstateSoftware+16:], uint32(size))
	binary.LittleEndian.PutUint32(out[size:], xstateMagic2)
	return out
}

// restarted gives the registers with which a thread that was interrupted in a
// system call does the call again. A call with a relative time limit starts anew:
// only the kernel knows how much was left of it.
func restarted(regs unix.PtraceRegs) unix.PtraceRegs {
	const sys, noIntr, noHand, block = 512, 513, 514, 516 // ERESTARTSYS and its like
	if int64(regs.Orig_rax) >= 0 {
		switch -int64(regs.Rax) {
		case sys, noIntr, noHand, block:
			regs.Rax = regs.Orig_rax
			regs.Rip -= syscallLen
		}
	}
	return regs
}
