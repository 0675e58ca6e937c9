package restore

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// arenaBins gives the range of libc's arena that the links of free chunks point
// to. Nothing but malloc has such pointers: those that lie in live memory are
// remains of chunks that were free before.
func arenaBins(f *frozen, dead []pyheap.Dead, libc procmem.Range) procmem.Range {
	const maxArena = 4096 // sizeof(struct malloc_state) is 2200
	r := procmem.Range{Start: libc.End, End: libc.Start}
	for _, c := range dead {
		for off := procmem.Addr(0); uint64(off)+8 <= min(c.Links, 16); off += 8 { // fd, bk
			if v, err := f.peek64(c.Start + off); err == nil && libc.Contains(procmem.Addr(v)) {
				r.Start, r.End = min(r.Start, procmem.Addr(v)), max(r.End, procmem.Addr(v)+1)
			}
		}
	}
	if r.Start >= r.End || r.Len() > maxArena {
		return procmem.Range{}
	}
	return r
}
