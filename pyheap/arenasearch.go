package pyheap

// findArenaTable finds pymalloc's array of arena_objects in an interpreter whose symbols are gone, where it is a static variable (until
// 3.11): the one word of the interpreter's data that leads to a block of malloc's whose entries are all those of arenas. A block that is
// no such array is told by the pools, which must lie in the arenas' memory.
func (p *pools) findArenaTable() (table, count uint64, ok bool) {
	v := p.h.view
	mod := p.h.in.Module.Range
	for i := range v.segs {
		s := &v.segs[i]
		if !s.write || s.end <= uint64(mod.Start) || s.start >= uint64(mod.End) {
			continue
		}
		end := min(s.end, uint64(mod.End))
		for a := (max(s.start, uint64(mod.Start)) + 7) &^ 7; a+8 <= end; a += 8 {
			t := s.word(a)
			if n := p.arenasAt(t); n != 0 && (!ok || n > count) {
				table, count, ok = t, n, true
			}
		}
	}
	return table, count, ok
}

// minArenas is how many entries the array has at first (INITIAL_ARENA_OBJECTS in Objects/obmalloc.c).
const minArenas = 16

// arenasAt says how many arena_objects a block has; 0 where it is no array of them.
func (p *pools) arenasAt(t uint64) uint64 {
	v, o := p.h.view, &p.h.off.alloc
	s := v.find(t)
	if s == nil || !s.heap || t&15 != 0 || o.arenaSize == 0 {
		return 0
	}
	size, ok := v.mallocBlock(s, t)
	n := size / o.arenaSize
	if !ok || n < minArenas || n > maxArenas {
		return 0
	}
	used := 0
	for i := uint64(0); i < n; i++ {
		b, ok := v.bytes(t+i*o.arenaSize, o.arenaSize)
		if !ok {
			return 0
		}
		address, carved := le64(b, o.arenaAddress), le64(b, o.arenaPool)
		if address == 0 {
			continue
		}
		in := v.find(address)
		free, total := uint64(le32(b, o.arenaFree)), uint64(le32(b, o.arenaTotal))
		if in == nil || !in.write || carved < address || carved-address > p.arenaBytes || carved&(p.poolSize-1) != 0 ||
			free > total || total > p.arenaBytes/p.poolSize || address&4095 != 0 {
			return 0
		}
		used++
	}
	if used == 0 {
		return 0
	}
	return n
}
