package pyheap

import (
	"strings"
	"testing"
)

// TestHgOpaque: nearly all of hg's live memory is known by type.
func TestHgOpaque(t *testing.T) { checkOpaque(t, hg(t), 0.02) }

func checkOpaque(t *testing.T, tg *target, limit float64) {
	t.Helper()
	w := tg.walk(t)
	r := w.Opaque()
	t.Logf("%d live blocks, %d bytes; %.2f %% opaque: %d bytes read conservatively, %d not reached",
		r.LiveBlocks, r.Live, 100*r.Share(), r.Opaque, r.Unreached)
	for _, o := range r.Owners[:min(len(r.Owners), 25)] {
		t.Logf("%9d bytes in %5d blocks, as %v: %s", o.Bytes, o.Blocks, o.Example, o.Name)
	}
	if r.Live != r.Typed+r.Opaque+r.Unreached || r.Live == 0 {
		t.Errorf("%d live bytes, but %d + %d + %d", r.Live, r.Typed, r.Opaque, r.Unreached)
	}
	if r.Share() > limit {
		t.Errorf("%.2f %% of live memory is opaque, want less than %.0f %%", 100*r.Share(), 100*limit)
	}
}

// TestStdlibOpaque: nor is there much opaque in a process that imported the standard library and uses it. The
// interpreters of pyenv have tkinter, too: Tcl's memory is opaque.
func TestStdlibOpaque(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			limit := 0.02
			if python != python311 {
				limit = 0.05
			}
			checkOpaque(t, start(t, python, testdata("stdlib.py")), limit)
		})
	}
}
