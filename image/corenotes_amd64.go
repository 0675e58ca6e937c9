package image

import (
	"debug/elf"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes and offsets of the kernel's struct elf_prstatus and elf_prpsinfo
// (include/linux/elfcore.h) on x86-64.
const (
	prstatusSize    = 336
	prstatusSighold = 24
	prstatusPid     = 32
	prstatusRegs    = 112
	prstatusFpvalid = 328

	prpsinfoSize   = 136
	prpsinfoSname  = 1
	prpsinfoPid    = 24
	prpsinfoFname  = 40
	prpsinfoPsargs = 56
)

const (
	fxsaveSize  = 512 // NT_FPREGSET: the FXSAVE area, which an XSAVE area begins with
	xsaveMin    = fxsaveSize + 64
	ntX86XState = 0x202
	regsSize    = unsafe.Sizeof(unix.PtraceRegs{})
)

// The registers go into the note as they are: fail to compile, rather than
// write nonsense, should their size ever differ.
var _ [216]byte = [regsSize]byte{}

// prstatus is the desc of a thread's NT_PRSTATUS.
func prstatus(t *Thread) []byte {
	b := make([]byte, prstatusSize)
	le.PutUint64(b[prstatusSighold:], t.SigMask)
	le.PutUint32(b[prstatusPid:], uint32(t.Tid))
	// struct user_regs_struct, 27 words; the machine is little-endian.
	copy(b[prstatusRegs:], (*[regsSize]byte)(unsafe.Pointer(&t.Regs))[:])
	if len(t.XState) >= fxsaveSize {
		le.PutUint32(b[prstatusFpvalid:], 1)
	}
	return b
}

// prpsinfo is the desc of NT_PRPSINFO. User and group are left 0: an image
// tells them by its owner.
func prpsinfo(c *Content) []byte {
	b := make([]byte, prpsinfoSize)
	b[prpsinfoSname] = 'R'
	le.PutUint32(b[prpsinfoPid:], uint32(c.Pid))
	copy(b[prpsinfoFname:prpsinfoFname+15], c.Comm)
	copy(b[prpsinfoPsargs:prpsinfoPsargs+79], c.Args)
	return b
}

// appendXState appends the notes with a thread's vector registers.
func appendXState(b []byte, t *Thread) []byte {
	if len(t.XState) >= fxsaveSize {
		b = appendNote(b, coreOwner, uint32(elf.NT_FPREGSET), t.XState[:fxsaveSize])
	}
	if len(t.XState) >= xsaveMin {
		b = appendNote(b, "LINUX\x00", ntX86XState, t.XState)
	}
	return b
}
