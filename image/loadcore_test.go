package image

import (
	"testing"

	"pyfreeze/procmem"
)

// TestLoadCore: pyfreeze's own reader of cores sees in an image all that went
// into it, zero tails and holes included.
func TestLoadCore(t *testing.T) {
	frozen, _ := frozenPython(t)
	for _, c := range []*Content{frozen, sample()} {
		core, err := procmem.LoadCore(written(t, c))
		if err != nil {
			t.Fatal(err)
		}
		defer core.Close()
		if core.Pid != c.Pid || core.Psargs != c.Args || len(core.Files) != len(c.Files) || len(core.Threads) != len(c.Threads) {
			t.Errorf("pid %d, args %q, %d files, %d threads", core.Pid, core.Psargs, len(core.Files), len(core.Threads))
		}
		for i, th := range core.Threads {
			if th.Tid != c.Threads[i].Tid || th.Regs != c.Threads[i].Regs {
				t.Errorf("thread %d: %+v", i, th)
			}
		}
		for _, s := range c.Segments {
			want := append([]byte(nil), s.Data...)
			if n := int(s.MemSize) - len(want); n > 0 {
				want = append(want, make([]byte, n)...)
			}
			got := make([]byte, len(want))
			if _, err := core.Space.ReadAt(got, procmem.Addr(s.Addr)); err != nil {
				t.Errorf("segment 0x%x: %v", s.Addr, err)
				continue
			}
			checkBytes(t, "segment", got, want)
		}
	}
}
