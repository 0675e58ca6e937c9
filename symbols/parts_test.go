package symbols

import (
	"slices"
	"strings"
	"testing"

	"pyfreeze/procmem"
)

// TestParts compares the parts of exported functions, found by their code, with what the symbol
// table names so: NAME.cold.
func TestParts(t *testing.T) {
	const enough = 60
	for _, in := range interps(t) {
		f := openT(t, in.module)
		l, err := LoadLayout(f)
		if err != nil {
			t.Fatal(err)
		}
		parts, found := 0, 0
		for i := range l.t.syms {
			s := l.t.syms[i].sym()
			name, cold := strings.CutSuffix(s.Name, ".cold")
			whole, exported := f.Dynsym(name)
			if !cold || !exported {
				continue
			}
			parts++
			ranges := f.Parts(whole.Addr)
			if len(ranges) == 0 || ranges[0].Start != whole.Addr {
				t.Errorf("%s: the parts of %s are %v", in.module, name, ranges)
			}
			if slices.ContainsFunc(ranges, func(r procmem.Range) bool { return r.Contains(s.Addr) }) {
				found++
			} else if name == "_PyEval_EvalFrameDefault" && s.Size > 64 { // more than a call of abort()
				t.Errorf("%s: the other part of %s is not among %v", in.module, name, ranges)
			}
			for _, r := range ranges[1:] {
				if of, _, ok := l.SymbolAt(r.Start); ok && !strings.HasPrefix(of.Name, name+".") {
					t.Errorf("%s: %v, said to be of %s, is of %s", in.module, r, name, of.Name)
				}
			}
			if parts == enough {
				break
			}
		}
		// The others begin with the frame of a function's entry, or are jumped to by a table.
		if found < parts*4/5 && parts > 10 {
			t.Errorf("%s: %d of %d parts were found", in.module, found, parts)
		}
	}
}
