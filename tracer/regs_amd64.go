package tracer

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// ntXstate names the extended register set, everything that XSAVE saves.
const ntXstate = 0x202

// maxXstate bounds its size: AMX makes it 11 KiB.
const maxXstate = 64 << 10

func getRegs(tid int, regs *unix.PtraceRegs) error {
	return ptracePtr(unix.PTRACE_GETREGS, tid, 0, unsafe.Pointer(regs))
}

func setRegs(tid int, regs *unix.PtraceRegs) error {
	return ptracePtr(unix.PTRACE_SETREGS, tid, 0, unsafe.Pointer(regs))
}

func pc(regs *unix.PtraceRegs) procmem.Addr { return procmem.Addr(regs.Rip) }

func setPC(regs *unix.PtraceRegs, a procmem.Addr) { regs.Rip = uint64(a) }

func stackPointer(regs *unix.PtraceRegs) procmem.Addr { return procmem.Addr(regs.Rsp) }

// redZone is what a leaf function may use below the stack pointer.
const redZone = 128
