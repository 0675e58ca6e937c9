package snapshot

import (
	"slices"
	"strings"

	"pyfreeze/procmem"
)

const evalLoop = "_PyEval_EvalFrameDefault"

// inEvalLoop says whether an instruction is of the eval loop, rather than of another reader of
// code. Where only the names of exported functions are known, its parts are found by its jumps: in
// Debian's 3.14 all but a hundredth of it lies apart.
func (c *Command) inEvalLoop(pc uint64) bool {
	at := procmem.Addr(pc) - c.in.Bias
	if sym, _, ok := c.lay.SymbolAt(at); ok && strings.HasPrefix(sym.Name, evalLoop) {
		return true
	}
	file := c.in.Module.File
	if c.loop == nil {
		c.loop = []procmem.Range{}
		if sym, ok := file.Dynsym(evalLoop); ok {
			c.loop = append(c.loop, file.Parts(sym.Addr)...)
		}
	}
	return slices.ContainsFunc(c.loop, func(r procmem.Range) bool { return r.Contains(at) })
}
