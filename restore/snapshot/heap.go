package snapshot

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// heap copies what is needed to read the objects of the stopped command, or returns the copy that
// is kept since it stopped. The caller calls done.
func (c *Command) heap() (h *pyheap.Heap, done func(), err error) {
	if c.kept != nil {
		return c.kept, func() {}, nil
	}
	maps, err := procmem.ReadMaps(c.p.PID())
	if err != nil {
		return nil, nil, err
	}
	space, err := procmem.Capture(c.live, maps, nil)
	if err != nil {
		return nil, nil, err
	}
	return c.openHeap(space)
}

// lazyHeap is heap for little: memory is read when and where it is asked for.
func (c *Command) lazyHeap() (h *pyheap.Heap, done func(), err error) {
	maps, err := procmem.ReadMaps(c.p.PID())
	if err != nil {
		return nil, nil, err
	}
	space, err := procmem.CaptureLazy(c.live, maps)
	if err != nil {
		return nil, nil, err
	}
	return c.openHeap(space)
}

func (c *Command) openHeap(space *procmem.Space) (h *pyheap.Heap, done func(), err error) {
	h, err = pyheap.Open(space, c.in, c.lay)
	if err != nil {
		_ = space.Close() // only read
		return nil, nil, err
	}
	return h, func() { h.Close(); _ = space.Close() }, nil
}

// Walk shows the heap of the stopped command, and which objects lead to which, to a function.
func (c *Command) Walk(look func(*pyheap.Heap, *pyheap.Walk)) error {
	regs, err := c.p.Regs(c.p.PID())
	if err != nil {
		return err
	}
	h, done, err := c.heap()
	if err != nil {
		return err
	}
	defer done()
	w, err := h.Walk(pyheap.WalkOptions{Stacks: []pyheap.Addr{pyheap.Addr(stackPointer(&regs))}})
	if err == nil {
		look(h, w)
	}
	return err
}

// keepHeap keeps a copy of the heap until the command runs, or somebody drops it.
func (c *Command) keepHeap() {
	if h, done, err := c.heap(); err == nil && c.kept == nil {
		c.kept, c.drop = h, done
	}
}

func (c *Command) dropHeap() {
	if c.kept != nil {
		c.drop()
		c.kept, c.drop = nil, nil
	}
}
