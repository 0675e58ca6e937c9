package restore

import (
	"sort"

	"pyfreeze/procmem"
)

// freeChunks lists the chunks of glibc's main heap that are free. Their links point
// into libc's arena, but no allocator of a thawed process ever follows them:
// relocating them would only copy their pages. A chunk is free if the next one
// says so (malloc.c: PREV_INUSE); where the chain of chunks breaks, because a
// program moved brk itself, nothing further is known.
func freeChunks(s *frozenSegment) []procmem.Range {
	const prevInUse, flags, minChunk = 1, 7, 32
	if s.Mapping.Path != "[heap]" {
		return nil
	}
	var out []procmem.Range
	n := uint64(len(s.Data))
	size := func(at uint64) uint64 { return le.Uint64(s.Data[at+8:]) }
	for at := (16 - uint64(s.Start)%16) % 16; at+16 <= n; {
		c := size(at) &^ flags
		if c < minChunk || c%16 != 0 || c > n-at || at+c+16 > n {
			break
		}
		if size(at+c)&prevInUse == 0 {
			out = append(out, procmem.Range{Start: s.Start + procmem.Addr(at), End: s.Start + procmem.Addr(at+c)})
		}
		at += c
	}
	return out
}

// arenaBins gives the range of libc's arena that the links of free chunks point
// to. Nothing but malloc has such pointers: those that lie in live memory are
// remains of chunks that were free before.
func arenaBins(s *frozenSegment, free []procmem.Range, libc procmem.Range) procmem.Range {
	const maxArena = 4096 // sizeof(struct malloc_state) is 2200
	r := procmem.Range{Start: libc.End, End: libc.Start}
	for _, c := range free {
		for off := procmem.Addr(16); off <= 24; off += 8 { // fd, bk
			v := procmem.Addr(le.Uint64(s.Data[c.Start-s.Start+off:]))
			if libc.Contains(v) {
				r.Start, r.End = min(r.Start, v), max(r.End, v+1)
			}
		}
	}
	if r.Start >= r.End || r.Len() > maxArena {
		return procmem.Range{}
	}
	return r
}

// within says whether a lies in one of the ranges, which are in address order.
func within(ranges []procmem.Range, a procmem.Addr) bool {
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].End > a })
	return i < len(ranges) && ranges[i].Contains(a)
}
