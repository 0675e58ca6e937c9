package snapshot

import (
	"strings"

	"github.com/go-delve/delve/pkg/dwarf/frame"
	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// Register numbers of DWARF for x86-64 (System V ABI, figure 3.36).
const (
	dwarfRBX  = 3
	dwarfRBP  = 6
	dwarfRSP  = 7
	dwarfR12  = 12
	maxNative = 12
)

// nativeStack names the C functions of the interpreter that a thread is in,
// innermost first, up to the eval loop: what a user is told of a thread that comes to no
// safe point. It gives what it can.
func nativeStack(in *symbols.Interpreter, lay *symbols.Layout, mem procmem.Reader, r unix.PtraceRegs) []string {
	fdes, err := in.Module.File.FDEs()
	if err != nil {
		return nil
	}
	regs := map[uint64]uint64{dwarfRBX: r.Rbx, dwarfRBP: r.Rbp, dwarfRSP: r.Rsp, dwarfR12: r.R12, 13: r.R13, 14: r.R14, 15: r.R15}
	pc := r.Rip
	var out []string
	for len(out) < maxNative {
		at := procmem.Addr(pc) - in.Bias
		sym, _, ok := lay.SymbolAt(at)
		if !ok {
			break
		}
		name, _, _ := strings.Cut(sym.Name, ".")
		if name == "_PyEval_EvalFrameDefault" {
			break
		}
		out = append(out, name)
		if pc, ok = unwind(fdes, uint64(at), regs, mem); !ok {
			break
		}
	}
	return out
}

// unwind changes regs to those of the caller of the function at link-time address at and
// returns where that goes on.
func unwind(fdes frame.FrameDescriptionEntries, at uint64, regs map[uint64]uint64, mem procmem.Reader) (pc uint64, ok bool) {
	fde, err := fdes.FDEForPC(at)
	if err != nil {
		return 0, false
	}
	ctx, err := fde.EstablishFrame(at)
	if err != nil || ctx.CFA.Rule != frame.RuleCFA {
		return 0, false
	}
	base, ok := regs[ctx.CFA.Reg]
	if !ok {
		return 0, false
	}
	cfa := base + uint64(ctx.CFA.Offset)
	if cfa <= regs[dwarfRSP] {
		return 0, false // a stack that does not unwind towards its start
	}
	load := func(rule frame.DWRule) (uint64, bool) {
		var b [8]byte
		if rule.Rule != frame.RuleOffset {
			return 0, false
		}
		_, err := mem.ReadAt(b[:], procmem.Addr(cfa+uint64(rule.Offset)))
		return le.Uint64(b[:]), err == nil
	}
	for n, rule := range ctx.Regs {
		if v, ok := load(rule); ok && n != ctx.RetAddrReg {
			regs[n] = v
		}
	}
	pc, ok = load(ctx.Regs[ctx.RetAddrReg])
	regs[dwarfRSP] = cfa
	return pc, ok
}
