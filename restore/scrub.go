package restore

import (
	"sort"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// redZone is how far below its stack pointer a function may keep data (System V ABI).
const redZone = 128

// deadMemory lists what belongs to an allocator at the freeze, in the order of addresses.
func deadMemory(h *pyheap.Heap) []pyheap.Dead {
	var out []pyheap.Dead
	h.EachDead(func(d pyheap.Dead) { out = append(out, d) })
	sort.Slice(out, func(i, j int) bool { return out[i].Start < out[j].Start })
	return out
}

// scrub zeroes what nobody owns any more: freed blocks, but for the allocators' links; what lies behind the end of
// strings in their blocks; stacks below the stack pointers of their threads. It returns the number of bytes
// that were not zero.
func scrub(f *frozen, w *pyheap.Walk, dead []pyheap.Dead, maps []procmem.Mapping, threads []image.Thread) (n uint64) {
	for _, d := range dead {
		n += f.wipe(d.Start+procmem.Addr(d.Links), d.End)
	}
	w.EachSlack(func(start, end pyheap.Addr) { n += f.wipe(start, end) })
	for _, t := range threads {
		sp := procmem.Addr(t.Regs.Rsp)
		if low, ok := stackStart(maps, sp); ok && sp-low > redZone {
			n += f.wipe(low, sp-redZone)
		}
	}
	return n
}

// stacksOf gives the stack pointers of threads.
func stacksOf(threads []image.Thread) (out []pyheap.Addr) {
	for i := range threads {
		out = append(out, pyheap.Addr(threads[i].Regs.Rsp))
	}
	return out
}

// stackStart gives the lowest address of the stack that sp points into: that of the mapping, if it is known to hold
// nothing else, because the kernel made it or a guard page lies below.
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

// wipe zeroes [start, end) and counts the bytes that were not zero.
func (f *frozen) wipe(start, end procmem.Addr) (n uint64) {
	i := sort.Search(len(f.segs), func(i int) bool { return f.segs[i].End > start })
	for ; i < len(f.segs) && f.segs[i].Start < end; i++ {
		s := &f.segs[i]
		lo, hi := max(start, s.Start), min(end, s.End)
		b := s.Data[lo-s.Start : hi-s.Start]
		for _, c := range b {
			if c != 0 {
				n++
			}
		}
		clear(b)
	}
	return n
}

// withinDead says whether a part of the word at a lies in dead memory, which is in address order.
func withinDead(dead []pyheap.Dead, a procmem.Addr) bool {
	i := sort.Search(len(dead), func(i int) bool { return dead[i].End > a })
	return i < len(dead) && a+8 > dead[i].Start
}
