package symbols

import (
	"cmp"
	"debug/elf"
	"slices"

	"github.com/go-delve/delve/pkg/dwarf/frame"
	"golang.org/x/arch/x86/x86asm"

	"pyfreeze/procmem"
)

// StaticAccess is what the code of some functions does with one static variable.
type StaticAccess struct {
	Addr        procmem.Addr // link-time
	Size        int          // bytes, of the widest access
	Read, Write bool
	Stores      []int64 // constants that are stored there
}

// codeReader decodes functions of a file that has no symbols for them.
type codeReader struct {
	f    *File
	fdes frame.FrameDescriptionEntries
	code map[uint64]bool // functions read
	out  map[uint64]*StaticAccess
	left int // functions that may still be read
}

const (
	maxFunction  = 1 << 16 // bytes of code of one function
	maxFunctions = 64
)

// StaticAccesses gives what the function whose code begins at a link-time address, and those that it calls directly down to depth, do with
// static variables that can be written, by address: how a variable is found in a file without symbols. nil where the code cannot be read.
func (f *File) StaticAccesses(entry procmem.Addr, depth int) (out []StaticAccess) {
	defer func() {
		if recover() != nil { // the decoders of others are not proof against every input
			out = nil
		}
	}()
	fdes, err := f.FDEs()
	if err != nil {
		return nil
	}
	r := &codeReader{f: f, fdes: fdes, code: map[uint64]bool{}, out: map[uint64]*StaticAccess{}, left: maxFunctions}
	r.read(uint64(entry), depth)
	for _, a := range r.out {
		if f.isData(uint64(a.Addr)) {
			out = append(out, *a)
		}
	}
	slices.SortFunc(out, func(a, b StaticAccess) int { return cmp.Compare(a.Addr, b.Addr) })
	return out
}

// read decodes a function from its start to its end.
func (r *codeReader) read(entry uint64, depth int) {
	fde, err := r.fdes.FDEForPC(entry)
	if err != nil || r.code[fde.Begin()] || r.left == 0 {
		return
	}
	start, end := fde.Begin(), fde.End()
	r.code[start] = true
	r.left--
	if end-start > maxFunction {
		return
	}
	b := make([]byte, end-start)
	if r.f.ReadLink(b, procmem.Addr(start)) != nil {
		return
	}
	for at := uint64(0); at < uint64(len(b)); {
		in, err := x86asm.Decode(b[at:], 64)
		if err != nil || in.Len == 0 {
			at++ // an instruction that the decoder lacks
			continue
		}
		next := start + at + uint64(in.Len)
		r.note(&in, next)
		if rel, ok := in.Args[0].(x86asm.Rel); ok && depth > 0 {
			if to := next + uint64(int64(rel)); to < start || to >= end {
				r.read(to, depth-1)
			}
		}
		at += uint64(in.Len)
	}
}

// note keeps what an instruction does with a static variable.
func (r *codeReader) note(in *x86asm.Inst, next uint64) {
	for i, arg := range in.Args {
		m, ok := arg.(x86asm.Mem)
		if !ok {
			continue
		}
		var addr uint64
		switch {
		case m.Base == x86asm.RIP && m.Index == 0:
			addr = next + uint64(m.Disp)
		case m.Base == 0 && m.Index == 0 && m.Segment == 0:
			addr = uint64(m.Disp)
		default:
			continue
		}
		a := r.out[addr]
		if a == nil {
			a = &StaticAccess{Addr: procmem.Addr(addr)}
			r.out[addr] = a
		}
		if in.Op == x86asm.LEA {
			continue // only its address is taken
		}
		a.Size = max(a.Size, in.MemBytes)
		store := i == 0 && (in.Op == x86asm.MOV || in.Op == x86asm.XCHG || in.Op == x86asm.CMPXCHG)
		a.Write = a.Write || store
		a.Read = a.Read || !store || in.Op == x86asm.XCHG
		if imm, ok := in.Args[1].(x86asm.Imm); ok && store {
			a.Stores = append(a.Stores, int64(imm))
		}
	}
}

// isData says whether a link-time address lies in memory that the file's program writes to.
func (f *File) isData(a uint64) bool {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 && a >= p.Vaddr && a-p.Vaddr < p.Memsz {
			return true
		}
	}
	return false
}
