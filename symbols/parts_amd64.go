package symbols

import (
	"github.com/go-delve/delve/pkg/dwarf/frame"
	"golang.org/x/arch/x86/x86asm"

	"pyfreeze/procmem"
)

// maxParts bounds how many parts of a function are looked for.
const maxParts = 16

// Parts gives where the code of the function at a link-time address lies: compilers put what they
// think is rarely run elsewhere (GCC's NAME.cold, which only a symbol table names). Such a part is
// jumped into, and its frame is set up where it begins, which no function's is. Of a file whose
// code cannot be read it gives nil.
func (f *File) Parts(entry procmem.Addr) (out []procmem.Range) {
	defer func() {
		if recover() != nil { // the decoders of others are not proof against every input
			out = nil
		}
	}()
	fdes, err := f.FDEs()
	if err != nil {
		return nil
	}
	fde, err := fdes.FDEForPC(uint64(entry))
	if err != nil {
		return nil
	}
	seen := map[uint64]bool{fde.Begin(): true}
	for todo := []*frame.FrameDescriptionEntry{fde}; len(todo) > 0 && len(out) < maxParts; {
		fde, todo = todo[0], todo[1:]
		out = append(out, procmem.Range{Start: procmem.Addr(fde.Begin()), End: procmem.Addr(fde.End())})
		for _, to := range f.jumps(fde.Begin(), fde.End()) {
			part, err := fdes.FDEForPC(to)
			if err == nil && !seen[part.Begin()] && isPart(part) {
				seen[part.Begin()] = true
				todo = append(todo, part)
			}
		}
	}
	return out
}

// isPart says whether the frame is set up already where the code begins: at the entry of a function
// it is the return address alone.
func isPart(fde *frame.FrameDescriptionEntry) bool {
	const rsp, returnAddress = 7, 8 // System V ABI, figure 3.36
	ctx, err := fde.EstablishFrame(fde.Begin())
	if err != nil || ctx.CFA.Rule != frame.RuleCFA {
		return false
	}
	return ctx.CFA.Reg != rsp || ctx.CFA.Offset != returnAddress
}

// jumps gives where direct jumps of code lead outside of it.
func (f *File) jumps(start, end uint64) (out []uint64) {
	if end < start || end-start > 4*maxFunction {
		return nil
	}
	b := make([]byte, end-start)
	if f.ReadLink(b, procmem.Addr(start)) != nil {
		return nil
	}
	for at := uint64(0); at < uint64(len(b)); {
		in, err := x86asm.Decode(b[at:], 64)
		if err != nil || in.Len == 0 {
			at++ // an instruction that the decoder lacks
			continue
		}
		at += uint64(in.Len)
		if rel, ok := in.Args[0].(x86asm.Rel); ok && in.Op != x86asm.CALL {
			if to := start + at + uint64(int64(rel)); to < start || to >= end {
				out = append(out, to)
			}
		}
	}
	return out
}
