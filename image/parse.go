package image

import (
	"debug/elf"
	"fmt"
)

// header is what the fixed part of the head says.
type header struct {
	phoff uint64
	phnum int
	sum   uint32
	head  uint64 // length of the head
	size  uint64 // length of the file
	std   uint32 // checksum of the standard notes
}

func isELF(b []byte) bool {
	return len(b) >= len(elf.ELFMAG) && string(b[:len(elf.ELFMAG)]) == elf.ELFMAG
}

// parseHeader decodes the first programOff bytes: ELF header and header note.
// It trusts neither; the checksum is the caller's to compare.
func (m *Image) parseHeader(b []byte) (header, error) {
	var h header
	_ = b[programOff-1]
	switch {
	case !isELF(b):
		return h, m.bad(0, "not a pyfreeze image (no ELF magic)")
	case elf.Class(b[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(b[elf.EI_DATA]) != elf.ELFDATA2LSB:
		return h, m.bad(elf.EI_CLASS, "not a pyfreeze image (not a 64-bit little-endian ELF file)")
	case elf.Type(le.Uint16(b[16:])) != elf.ET_CORE:
		return h, m.bad(16, fmt.Sprintf("not a pyfreeze image (an ELF file of type %v, not a core)", elf.Type(le.Uint16(b[16:]))))
	case elf.Machine(le.Uint16(b[18:])) != machine:
		return h, m.bad(18, fmt.Sprintf("made for another machine, %v", elf.Machine(le.Uint16(b[18:]))))
	}
	if desc, next := ownNote(b, ehdrSize, noteHeader); next == 0 || len(desc) < 4 {
		return h, m.bad(ehdrSize, "a core file, but not a pyfreeze image (no header note)")
	} else if v := le.Uint32(desc); v != Version {
		return h, &VersionError{Path: m.path, Got: v}
	} else if len(desc) != headerSize {
		return h, m.bad(ehdrSize, fmt.Sprintf("header note of %d bytes, should be %d", len(desc), headerSize))
	}
	d := b[headerDesc:]
	h = header{
		phoff: le.Uint64(b[32:]), phnum: int(le.Uint16(b[56:])),
		sum: le.Uint32(b[sumOff:]), head: le.Uint64(d[8:]), size: le.Uint64(d[16:]), std: le.Uint32(d[24:]),
	}
	switch {
	case h.head > MaxHead:
		return h, m.bad(headerDesc+8, fmt.Sprintf("impossible length of the head, 0x%x bytes", h.head))
	case h.size < h.head || h.size > maxFile:
		return h, m.bad(headerDesc+16, fmt.Sprintf("impossible length of the file, 0x%x bytes", h.size))
	case le.Uint16(b[52:]) != ehdrSize || le.Uint16(b[54:]) != phdrSize || h.phnum < 2 || h.phnum > maxProgs:
		return h, m.bad(52, "impossible sizes in the ELF header")
	case h.phoff%8 != 0 || h.phoff < programOff || h.phoff > h.head || h.head-h.phoff != uint64(h.phnum)*phdrSize:
		return h, m.bad(32, fmt.Sprintf("%d program headers at 0x%x do not end the head at 0x%x",
			h.phnum, h.phoff, h.head))
	}
	return h, nil
}

// ownNote reads the note at b[off:] if it is one of ours of type typ and lies
// within b; desc aliases b. next is the offset behind it, 0 if it is not.
func ownNote(b []byte, off uint64, typ uint32) (desc []byte, next uint64) {
	if off+noteFixed > uint64(len(b)) {
		return nil, 0
	}
	n := b[off:]
	if le.Uint32(n) != 9 || le.Uint32(n[8:]) != typ || string(n[noteHdr:noteFixed]) != owner {
		return nil, 0
	}
	size := uint64(le.Uint32(n[4:]))
	next = off + noteSpace(size)
	if next > uint64(len(b)) {
		return nil, 0
	}
	return n[noteFixed : noteFixed+size : noteFixed+size], next
}

// parseHead takes the head apart, once its checksum is known to be right. A
// file made on purpose has a right checksum, too: so everything is checked.
func (m *Image) parseHead(head []byte, h header) error {
	notes, progs := head[:h.phoff], head[h.phoff:]
	off := uint64(programOff - noteFixed)
	var segs, tables []byte
	for _, n := range [...]struct {
		typ  uint32
		desc *[]byte
		name string
	}{
		{noteProgram, &m.program, "program"},
		{noteGuards, &m.guards, "guards"},
		{noteSegments, &segs, "segments"},
		{noteTables, &tables, "tables"},
	} {
		desc, next := ownNote(notes, off, n.typ)
		if next == 0 {
			return m.bad(off, "no sound "+n.name+" note here")
		}
		*n.desc, off = desc, next
	}
	if align8(off) != h.phoff {
		return m.bad(off, "something stands between the notes and the program headers")
	}
	want := prog{typ: elf.PT_NOTE, off: ehdrSize, filesz: off - ehdrSize, align: 4}
	if readProg(progs) != want {
		return m.bad(h.phoff, "the first program header is not that of pyfreeze's notes")
	}
	std := readProg(progs[phdrSize:])
	if std.filesz > h.size-h.head || std != (prog{typ: elf.PT_NOTE, off: h.head, filesz: std.filesz, align: 4}) {
		return m.bad(h.phoff+phdrSize, "the second program header is not that of the core notes")
	}
	m.size, m.std, m.stdSum = h.size, h.head, h.std
	m.stdEnd = pageUp(std.off + std.filesz)
	tail, err := m.parseSegments(progs, h, segs)
	if err != nil {
		return err
	}
	return m.parseTables(tables, tail)
}

// parseSegments checks the PT_LOADs and returns where the tables begin. The
// places of the segments in the file follow from their sizes; all that needs
// to be checked is that they are these.
func (m *Image) parseSegments(progs []byte, h header, sums []byte) (tail uint64, err error) {
	n := len(sums) / sumEntry
	if len(sums)%sumEntry != 0 || n+2 > h.phnum {
		return 0, m.bad(h.phoff, fmt.Sprintf("segment note of %d bytes for %d program headers", len(sums), h.phnum))
	}
	m.segs = make([]SegmentInfo, n)
	m.sums = make([]uint32, n)
	pos, memEnd := m.stdEnd, uint64(0)
	for i := range m.segs {
		at := uint64(2+i) * phdrSize
		p := readProg(progs[at:])
		flags := le.Uint32(sums[i*sumEntry+4:])
		if p.typ != elf.PT_LOAD || p.align != pageSize || flags&^inspectOnly != 0 {
			return 0, m.bad(h.phoff+at, fmt.Sprintf("segment %d is not a sound PT_LOAD", i))
		}
		s := SegmentInfo{Addr: p.addr, FileSize: p.filesz, MemSize: p.memsz, FileOff: p.off, Flags: p.flags, InspectOnly: flags == inspectOnly}
		if reason := checkSegment(s, memEnd); reason != "" {
			return 0, m.bad(h.phoff+at, fmt.Sprintf("segment %d at address 0x%x: %s", i, s.Addr, reason))
		}
		memEnd = s.Addr + s.MemSize
		// pos is at most maxFile and FileSize below addrLimit: no overflow.
		want, next := place(s, pos)
		if s.FileOff != want || next > m.size {
			return 0, m.bad(h.phoff+at, fmt.Sprintf("segment %d: 0x%x bytes at 0x%x, should lie at 0x%x and end in a file of 0x%x bytes",
				i, s.FileSize, s.FileOff, want, m.size))
		}
		m.segs[i], m.sums[i], pos = s, le.Uint32(sums[i*sumEntry:]), next
	}
	at := h.phoff + uint64(2+n)*phdrSize
	switch h.phnum - 2 - n {
	case 0:
		if pos != m.size {
			return 0, m.bad(at, fmt.Sprintf("the segments end at 0x%x, not with the file at 0x%x", pos, m.size))
		}
	case 1:
		want := prog{typ: elf.PT_NOTE, off: pos, filesz: m.size - pos, align: 4}
		if readProg(progs[(2+n)*phdrSize:]) != want {
			return 0, m.bad(at, "the last program header is not that of the tables")
		}
	default:
		return 0, m.bad(at, fmt.Sprintf("%d program headers too many", h.phnum-3-n))
	}
	return pos, nil
}

// parseTables checks that the tables fill the file from tail to its end.
func (m *Image) parseTables(desc []byte, tail uint64) error {
	if len(desc)%tableEntry != 0 {
		return m.bad(tail, fmt.Sprintf("list of tables of %d bytes", len(desc)))
	}
	m.tables = make([]tableInfo, 0, len(desc)/tableEntry)
	pos := tail
	for ; len(desc) > 0; desc = desc[tableEntry:] {
		t := tableInfo{typ: le.Uint32(desc), sum: le.Uint32(desc[4:]), off: le.Uint64(desc[8:]), size: le.Uint64(desc[16:])}
		if t.typ > MaxTableType || t.size > MaxTable || t.off != pos {
			return m.bad(pos, fmt.Sprintf("table %#x of 0x%x bytes at 0x%x is out of place", t.typ, t.size, t.off))
		}
		pos += noteSpace(t.size) // at most MaxHead/tableEntry times: no overflow
		m.tables = append(m.tables, t)
	}
	if pos != m.size {
		return m.bad(pos, fmt.Sprintf("the tables end here, not with the file at 0x%x", m.size))
	}
	return nil
}
