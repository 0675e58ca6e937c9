package image

import (
	"debug/elf"
	"hash/crc32"
	"os"
)

// Write makes the image of c at path: a temporary file in the same folder,
// mode 0600, synced to disk and renamed when whole. A file that was there
// before is replaced then, and only then. progress, if not nil, is told how
// many bytes of segments and tables are done, out of total.
//
// The error is a *WriteError; it wraps a *ContentError where c is at fault.
func Write(path string, c *Content, progress func(done, total uint64)) error {
	p, err := newPlan(c)
	if err != nil {
		return &WriteError{Path: path, Op: "lay out", Err: err}
	}
	op, err := replaceFile(path, func(f *os.File) error {
		return (&writer{f: f, plan: p, progress: progress}).write()
	})
	if err != nil {
		return &WriteError{Path: path, Op: op, Need: p.size, Err: err}
	}
	return nil
}

// writer puts one planned image into a file.
type writer struct {
	*plan
	f           *os.File
	progress    func(done, total uint64)
	done, total uint64
}

// write writes the head last: what is cut short never looks like an image.
func (w *writer) write() error {
	for _, s := range w.segs {
		w.total += s.FileSize
	}
	for _, t := range w.c.Extra {
		w.total += uint64(len(t.Data))
	}
	// The full size at once: holes need no write, and a size limit shows now.
	if err := w.f.Truncate(int64(w.size)); err != nil {
		return err
	}
	sums := make([]uint32, len(w.segs))
	for i, s := range w.segs {
		var err error
		if sums[i], err = w.segment(s, &w.c.Segments[w.order[i]]); err != nil {
			return err
		}
	}
	tableSums, err := w.writeTables()
	if err != nil {
		return err
	}
	std := make([]byte, w.data-w.head)
	copy(std, w.std)
	if _, err := w.f.WriteAt(std, int64(w.head)); err != nil {
		return err
	}
	_, err = w.f.WriteAt(w.buildHead(sums, tableSums, crc32.Checksum(std, castagnoli())), 0)
	return err
}

// segment writes a segment's bytes, with holes, and returns the checksum of
// the pages that it takes in the file.
func (w *writer) segment(s SegmentInfo, c *Segment) (uint32, error) {
	if len(c.Data) == 0 {
		return 0, nil
	}
	front := int(s.FileOff % pageSize)
	sum := crc32.Checksum(zeroPage[:front], castagnoli())
	for at := 0; at < len(c.Data); {
		to := pageEnd(c.Data, min(at+maxHeld, len(c.Data))-1, front)
		if c.Source != nil {
			if err := c.Source.Have(uint64(at), uint64(to-at)); err != nil {
				return 0, err
			}
		}
		data := c.Data[:to]
		for pos := at; pos < to; {
			start, end := nextRun(data, pos, front)
			if start < end {
				if _, err := w.f.WriteAt(data[start:end], int64(s.FileOff)+int64(start)); err != nil {
					return 0, err
				}
			}
			w.report(end - pos)
			pos = end
		}
		sum = crc32.Update(sum, castagnoli(), data[at:])
		if c.Source != nil {
			c.Source.Done(uint64(at), uint64(to-at))
		}
		at = to
	}
	end := s.FileOff + s.FileSize
	return crc32.Update(sum, castagnoli(), zeroPage[:pageUp(end)-end]), nil
}

// writeTables writes the Extra notes and returns their checksums, each over
// the whole note.
func (w *writer) writeTables() ([]uint32, error) {
	sums := make([]uint32, len(w.c.Extra))
	for i, t := range w.c.Extra {
		// Header and padding apart from the data, which may be large.
		head := appendOwn(nil, noteTable|t.Type, nil)
		le.PutUint32(head[4:], uint32(len(t.Data)))
		pad := zeroPage[:align4(uint64(len(t.Data)))-uint64(len(t.Data))]
		off := int64(w.tables[i])
		for _, part := range [][]byte{head, t.Data, pad} {
			if _, err := w.f.WriteAt(part, off); err != nil {
				return nil, err
			}
			sums[i] = crc32.Update(sums[i], castagnoli(), part)
			off += int64(len(part))
		}
		w.report(len(t.Data))
	}
	return sums, nil
}

func (w *writer) report(n int) {
	w.done += uint64(n)
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
}

// buildHead makes the head: ELF header, our notes, program headers.
func (w *writer) buildHead(sums, tableSums []uint32, stdSum uint32) []byte {
	b := make([]byte, 0, w.head)
	b = w.appendEhdr(b)
	header := make([]byte, headerSize)
	le.PutUint32(header, Version)
	le.PutUint64(header[8:], w.head)
	le.PutUint64(header[16:], w.size)
	le.PutUint32(header[24:], stdSum)
	b = appendOwn(b, noteHeader, header)
	b = appendOwn(b, noteProgram, w.c.Program)
	b = appendOwn(b, noteGuards, w.c.Guards)
	b = appendOwn(b, noteSegments, w.segmentTable(sums))
	b = appendOwn(b, noteTables, w.tableTable(tableSums))
	for uint64(len(b)) < align8(w.phoff) {
		b = append(b, 0)
	}
	b = w.appendPhdrs(b)
	le.PutUint32(b[sumOff:], headSum(b))
	return b
}

func (w *writer) segmentTable(sums []uint32) []byte {
	b := make([]byte, 0, sumEntry*len(sums))
	for i, s := range w.segs {
		flags := uint32(0)
		if s.InspectOnly {
			flags = inspectOnly
		}
		b = le.AppendUint32(le.AppendUint32(b, sums[i]), flags)
	}
	return b
}

func (w *writer) tableTable(sums []uint32) []byte {
	b := make([]byte, 0, tableEntry*len(sums))
	for i, t := range w.c.Extra {
		b = le.AppendUint32(le.AppendUint32(b, t.Type), sums[i])
		b = le.AppendUint64(b, w.tables[i])
		b = le.AppendUint64(b, uint64(len(t.Data)))
	}
	return b
}

func (w *writer) appendEhdr(b []byte) []byte {
	b = append(b, elf.ELFMAG...)
	b = append(b, byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT), byte(elf.ELFOSABI_NONE))
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint16(b, uint16(elf.ET_CORE))
	b = le.AppendUint16(b, uint16(machine))
	b = le.AppendUint32(b, uint32(elf.EV_CURRENT))
	b = le.AppendUint64(b, 0) // e_entry
	b = le.AppendUint64(b, align8(w.phoff))
	b = le.AppendUint64(b, 0) // e_shoff
	b = le.AppendUint32(b, 0) // e_flags
	for _, v := range [...]int{ehdrSize, phdrSize, w.nprogs(), 0, 0, 0} {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}

func (w *writer) appendPhdrs(b []byte) []byte {
	b = prog{typ: elf.PT_NOTE, off: ehdrSize, filesz: w.phoff - ehdrSize, align: 4}.append(b)
	b = prog{typ: elf.PT_NOTE, off: w.head, filesz: uint64(len(w.std)), align: 4}.append(b)
	for _, s := range w.segs {
		b = prog{typ: elf.PT_LOAD, flags: s.Flags, off: s.FileOff, addr: s.Addr, filesz: s.FileSize, memsz: s.MemSize, align: pageSize}.append(b)
	}
	if len(w.c.Extra) > 0 {
		b = prog{typ: elf.PT_NOTE, off: w.tail, filesz: w.size - w.tail, align: 4}.append(b)
	}
	return b
}
