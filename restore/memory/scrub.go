package memory

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/snapshot"
)

// Scrub zeroes what nobody owns any more: freed blocks, but for the allocators' links; what lies behind the end of strings in their blocks;
// stacks below the stack pointers of their threads. It returns the number of bytes that were not zero.
func (e Editor) Scrub(c *snapshot.Copy, h *pyheap.Heap, w *pyheap.Walk) (n uint64) {
	h.EachDead(func(d pyheap.Dead) { n += e.Wipe(d.Start+procmem.Addr(d.Links), d.End) })
	w.EachSlack(func(start, end pyheap.Addr) { n += e.Wipe(start, end) })
	for i := range c.Threads {
		sp := procmem.Addr(c.Threads[i].Regs.Rsp)
		if low, ok := stackStart(c.Maps, sp); ok && sp-low > redZone {
			n += e.Wipe(low, sp-redZone)
		}
	}
	return n
}

// stackStart returns the lowest address of the stack that sp points into: that of the mapping, if it is known to hold nothing else, because
// the kernel made it or a guard page lies below.
func stackStart(maps []procmem.Mapping, sp procmem.Addr) (procmem.Addr, bool) {
	for i := range maps {
		m := &maps[i]
		if !m.Contains(sp) {
			continue
		}
		guarded := i > 0 && maps[i-1].End == m.Start && !maps[i-1].Read && !maps[i-1].Write
		return m.Start, m.Path == "[stack]" || m.Path == "" && m.Write && guarded
	}
	return 0, false
}
