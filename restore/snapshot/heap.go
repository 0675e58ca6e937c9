package snapshot

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// heap copies what is needed to read the objects of the stopped command. The caller calls done.
func (c *Command) heap() (h *pyheap.Heap, done func(), err error) {
	maps, err := procmem.ReadMaps(c.p.PID())
	if err != nil {
		return nil, nil, err
	}
	space, err := procmem.Capture(c.live, maps, nil)
	if err != nil {
		return nil, nil, err
	}
	h, err = pyheap.Open(space, c.in, c.lay)
	if err != nil {
		_ = space.Close() // only read
		return nil, nil, err
	}
	return h, func() { h.Close(); _ = space.Close() }, nil
}
