package restore

import (
	"golang.org/x/arch/x86/x86asm"
	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// breakerLoad recognises the instruction at which a thread looks at
// eval_breaker: the memory operand's address decides, so that no knowledge of a build
// is needed but where the eval loop and the flag are.
type breakerLoad struct {
	loop    procmem.Range // _PyEval_EvalFrameDefault
	breaker procmem.Addr
	code    func(p []byte, at procmem.Addr) error
	decoded map[uint64]*x86asm.Mem
	length  map[uint64]uint64
}

func (b *breakerLoad) at(r *unix.PtraceRegs) (bool, error) {
	if !b.loop.Contains(procmem.Addr(r.Rip)) {
		return false, nil
	}
	m, ok := b.decoded[r.Rip]
	if !ok {
		m = b.decode(r.Rip)
		b.decoded[r.Rip] = m
	}
	return m != nil && procmem.Addr(effective(m, r, b.length[r.Rip])) == b.breaker, nil
}

func (b *breakerLoad) decode(rip uint64) *x86asm.Mem {
	var text [16]byte
	if b.code(text[:], procmem.Addr(rip)) != nil {
		return nil
	}
	inst, err := x86asm.Decode(text[:], 64)
	if err != nil {
		return nil
	}
	b.length[rip] = uint64(inst.Len)
	for _, a := range inst.Args {
		if m, ok := a.(x86asm.Mem); ok && inst.Op != x86asm.LEA && inst.Op != x86asm.NOP {
			return &m
		}
	}
	return nil
}

func effective(m *x86asm.Mem, r *unix.PtraceRegs, length uint64) uint64 {
	if m.Segment == x86asm.FS || m.Segment == x86asm.GS {
		return 0
	}
	ea := uint64(m.Disp) + regValue(m.Base, r, length)
	if m.Index != 0 {
		ea += regValue(m.Index, r, length) * uint64(m.Scale)
	}
	return ea
}

func regValue(reg x86asm.Reg, r *unix.PtraceRegs, length uint64) uint64 {
	switch reg {
	case x86asm.RAX:
		return r.Rax
	case x86asm.RBX:
		return r.Rbx
	case x86asm.RCX:
		return r.Rcx
	case x86asm.RDX:
		return r.Rdx
	case x86asm.RSI:
		return r.Rsi
	case x86asm.RDI:
		return r.Rdi
	case x86asm.RBP:
		return r.Rbp
	case x86asm.RSP:
		return r.Rsp
	case x86asm.R8:
		return r.R8
	case x86asm.R9:
		return r.R9
	case x86asm.R10:
		return r.R10
	case x86asm.R11:
		return r.R11
	case x86asm.R12:
		return r.R12
	case x86asm.R13:
		return r.R13
	case x86asm.R14:
		return r.R14
	case x86asm.R15:
		return r.R15
	case x86asm.RIP:
		return r.Rip + length
	}
	return 0
}
