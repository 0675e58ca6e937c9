package snapshot

import (
	"testing"

	"pyfreeze/symbols"
)

// Instructions are numbered anew in every version: without a row no point is found before a program
// takes its arguments.
func TestOpcodesOfEveryVersion(t *testing.T) {
	for minor := symbols.OldestMinor; minor <= symbols.NewestMinor; minor++ {
		ops, ok := opcodes[int64(minor)]
		if !ok || len(ops.items) == 0 || len(ops.constants) == 0 || len(ops.joins) == 0 {
			t.Errorf("3.%d is supported, and opcodes has no row for it: "+
				"CONTRIBUTING.md, \"Versions of CPython\", says what a version takes", minor)
		}
	}
}
