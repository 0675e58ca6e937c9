package image

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
)

// plan is the layout of an image: where everything goes. Only the lengths of
// a Content's parts matter to it, never what they hold.
type plan struct {
	c      *Content
	order  []int         // indexes of c.Segments, by address
	segs   []SegmentInfo // in that order
	std    []byte        // the standard notes
	phoff  uint64        // end of the head's notes
	head   uint64        // length of the head; the standard notes follow
	data   uint64        // first page of segments
	tables []uint64      // offset of each Extra's note
	tail   uint64        // where the tables begin
	size   uint64        // of the file
}

// Plan returns where Write will put the segments of c, sorted by address, so
// that a thaw program can hold offsets of the file. It looks at the lengths of
// Program, Guards and the tables only: the caller may fill them with
// their final bytes afterwards. The errors are *ContentError.
func Plan(c *Content) ([]SegmentInfo, error) {
	p, err := newPlan(c)
	if err != nil {
		return nil, err
	}
	return p.segs, nil
}

func newPlan(c *Content) (*plan, error) {
	p := &plan{c: c}
	if err := p.placeHead(); err != nil {
		return nil, err
	}
	var err error
	if p.std, err = coreNotes(c); err != nil {
		return nil, err
	}
	p.data = pageUp(p.head + uint64(len(p.std)))
	if err := p.placeSegments(); err != nil {
		return nil, err
	}
	return p, p.placeTables()
}

// nprogs is the number of program headers.
func (p *plan) nprogs() int {
	n := 2 + len(p.c.Segments)
	if len(p.c.Extra) > 0 {
		n++
	}
	return n
}

func (p *plan) placeHead() error {
	c := p.c
	if len(c.Segments) > maxLoads {
		return &ContentError{Reason: fmt.Sprintf("%d segments, at most %d fit (join neighbours)", len(c.Segments), maxLoads)}
	}
	end := uint64(ehdrSize)
	for _, n := range []int{headerSize, len(c.Program), len(c.Guards), sumEntry * len(c.Segments), tableEntry * len(c.Extra)} {
		end += noteSpace(uint64(n))
	}
	p.phoff = end
	p.head = align8(end) + phdrSize*uint64(p.nprogs())
	if p.head > MaxHead {
		return &ContentError{Reason: fmt.Sprintf("program and guards need %d bytes, at most %d fit",
			p.head, MaxHead)}
	}
	return nil
}

func (p *plan) placeSegments() error {
	segs := p.c.Segments
	p.order = make([]int, len(segs))
	for i := range p.order {
		p.order[i] = i
	}
	slices.SortFunc(p.order, func(a, b int) int { return cmp.Compare(segs[a].Addr, segs[b].Addr) })
	p.segs = make([]SegmentInfo, len(segs))
	pos, memEnd := p.data, uint64(0)
	for i, n := range p.order {
		s := &segs[n]
		si := SegmentInfo{Addr: s.Addr, FileSize: uint64(len(s.Data)), MemSize: s.MemSize, Flags: s.Flags, InspectOnly: s.InspectOnly}
		if si.MemSize == 0 {
			si.MemSize = si.FileSize
		}
		if reason := checkSegment(si, memEnd); reason != "" {
			return &ContentError{Addr: s.Addr, Reason: reason}
		}
		memEnd = si.Addr + si.MemSize
		si.FileOff, pos = place(si, pos)
		if pos > maxFile {
			return &ContentError{Addr: s.Addr, Reason: fmt.Sprintf("the image would be larger than %d bytes", uint64(maxFile))}
		}
		p.segs[i] = si
	}
	p.tail = pos
	return nil
}

// place says where in the file a segment begins, if pos is the first free
// page, and the first free page after it.
func place(si SegmentInfo, pos uint64) (off, next uint64) {
	off = pos + si.Addr%pageSize
	if si.FileSize == 0 {
		return off, pos
	}
	return off, pageUp(off + si.FileSize)
}

// checkSegment says what is wrong with a segment's place in memory, if
// anything; prevEnd is the end of the segment before. What it lets through
// cannot overflow in sums of address and length.
func checkSegment(si SegmentInfo, prevEnd uint64) string {
	switch {
	case si.MemSize == 0:
		return "the segment is empty"
	case si.Addr >= addrLimit || si.MemSize > addrLimit-si.Addr:
		return fmt.Sprintf("the segment's 0x%x bytes go beyond what a process can map", si.MemSize)
	case si.FileSize > si.MemSize:
		return fmt.Sprintf("the segment has more bytes in the file (0x%x) than in memory (0x%x)", si.FileSize, si.MemSize)
	case si.Addr < prevEnd:
		return fmt.Sprintf("the segment overlaps the one before it, which ends at 0x%x", prevEnd)
	case si.Flags&^(elf.PF_R|elf.PF_W|elf.PF_X) != 0:
		return fmt.Sprintf("unknown segment flags %#x", uint32(si.Flags))
	}
	return ""
}

func (p *plan) placeTables() error {
	seen := make(map[uint32]bool, len(p.c.Extra))
	pos := p.tail
	for _, t := range p.c.Extra {
		switch {
		case t.Type > MaxTableType:
			return &ContentError{Reason: fmt.Sprintf("table type %#x, the largest is %#x", t.Type, MaxTableType)}
		case seen[t.Type]:
			return &ContentError{Reason: fmt.Sprintf("two tables of type %#x", t.Type)}
		case len(t.Data) > MaxTable:
			return &ContentError{Reason: fmt.Sprintf("table %#x has %d bytes, at most %d fit", t.Type, len(t.Data), MaxTable)}
		}
		seen[t.Type] = true
		p.tables = append(p.tables, pos)
		pos += noteSpace(uint64(len(t.Data)))
	}
	p.size = pos
	if pos > maxFile {
		return &ContentError{Reason: fmt.Sprintf("the image would be larger than %d bytes", uint64(maxFile))}
	}
	return nil
}
