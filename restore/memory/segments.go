package memory

import (
	"debug/elf"
	"slices"
	"sort"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/procmem"
)

// Segments returns the memory as an image holds it, in address order.
func (m *Memory) Segments() (out []image.Segment) {
	for i := range m.pieces {
		p := &m.pieces[i]
		out = append(out, image.Segment{Addr: uint64(p.Start), Data: p.data,
			Flags: flagsOf(p.prot), InspectOnly: p.how == shown,
			Source: source{m.space, p.Start}})
		switch p.how {
		case mapped:
			m.Mapped += p.Len()
		case read:
			m.Read += p.Len()
		}
	}
	// What is zero is told, too, so that readers of the image know it.
	for i := range m.regions {
		r := &m.regions[i]
		if r.file >= 0 || !r.Read {
			continue
		}
		at := r.Start
		if r.stack {
			at = m.StackLow
		}
		j := sort.Search(len(m.pieces), func(j int) bool { return m.pieces[j].End > at })
		for at < r.End {
			end := r.End
			if j < len(m.pieces) && m.pieces[j].Start < end {
				end = m.pieces[j].Start
			}
			if end > at {
				out = append(out, image.Segment{Addr: uint64(at), MemSize: uint64(end - at),
					Flags: flagsOf(prot(&r.Mapping))})
			}
			if j >= len(m.pieces) {
				break
			}
			at = max(end, m.pieces[j].End)
			j++
		}
	}
	slices.SortFunc(out, func(a, b image.Segment) int {
		return cmpAddr(procmem.Addr(a.Addr), procmem.Addr(b.Addr))
	})
	return out
}

// source reads memory of a copy where and when the image is written.
type source struct {
	space *procmem.Space
	at    procmem.Addr
}

func (s source) Have(off, n uint64) error { return s.space.Have(s.at+procmem.Addr(off), n) }

func (s source) Done(off, n uint64) {
	at := s.at + procmem.Addr(off)
	s.space.Evict(procmem.Range{Start: at, End: at + procmem.Addr(n)})
}

func flagsOf(p uint32) (f elf.ProgFlag) {
	if p&unix.PROT_READ != 0 {
		f |= elf.PF_R
	}
	if p&unix.PROT_WRITE != 0 {
		f |= elf.PF_W
	}
	if p&unix.PROT_EXEC != 0 {
		f |= elf.PF_X
	}
	return f
}
