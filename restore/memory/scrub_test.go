package memory

import (
	"bytes"
	"testing"

	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/copied"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/snapshot"
)

// secrets leaves texts in memory that nobody has any more, of sizes that other allocators give, and
// keeps others. Neither is in the program as such.
const secrets = `
import time
dead, live = bytes(range(65, 91))[::-1], bytes(range(97, 123))[::-1]
keep = [live * n for n in (2, 50, 5000)]
def use():
    texts = [dead * n for n in (2, 10, 50, 1000)] + [(dead * 2).decode()]
    part = bytearray(dead * 40)
    del part[40:]
    return part
keep.append(use())
del dead
print("ready")
time.sleep(3600)
`

// count counts a text in a copy.
func count(c *snapshot.Copy, text string) (n int) {
	for _, s := range c.Space.Segments() {
		if s.Copied {
			s.Have(0, s.Len())
			n += bytes.Count(s.Data, []byte(text))
		}
	}
	return n
}

// TestScrub clears what the program has given back, and nothing that it has.
func TestScrub(t *testing.T) {
	pid := target.Start(t, "/usr/bin/python3.11", secrets)
	c := copied.Of(t, pid)
	h, err := pyheap.Open(c.Space, c.Interp, c.Layout)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	w, err := h.Walk(pyheap.WalkOptions{Stacks: []pyheap.Addr{pyheap.Addr(c.Threads[0].Regs.Rsp)}})
	if err != nil {
		t.Fatal(err)
	}
	// The first bytes of a block may have become links; one is left in the bytearray that was cut.
	const dead, live = "NMLKJIHGFEDCBA", "zyxwvutsrqponmlkjihgfedcba"
	before, kept := count(c, dead), count(c, live)
	if before < 50 || kept < 5052 {
		t.Fatalf("%d dead and %d live texts are there: the program has changed", before, kept)
	}
	if n := (Editor{c.Space}).Scrub(c, h, w); n < uint64(len(dead)*before)/2 {
		t.Errorf("%d bytes were cleared", n)
	}
	if after := count(c, dead); after != 1 {
		t.Errorf("%d dead texts are left, one is in use", after)
	}
	if after := count(c, live); after != kept {
		t.Errorf("%d live texts are left of %d", after, kept)
	}
	// Nothing was damaged: the walk finds the same objects again.
	again, err := h.Walk(pyheap.WalkOptions{Stacks: []pyheap.Addr{pyheap.Addr(c.Threads[0].Regs.Rsp)}})
	if err != nil || again.Objects() != w.Objects() {
		t.Errorf("%d objects, then %d (%v)", w.Objects(), again.Objects(), err)
	}
	if n := (Editor{c.Space}).Scrub(c, h, w); n != 0 {
		t.Errorf("%d bytes were left to be cleared", n)
	}
}
