package image

import (
	"fmt"
	"hash/crc32"
	"io"
)

// Verify reads the whole file and compares every checksum: of the core notes,
// of each segment, of each table. Together with what Open checks, no byte of
// the file goes unchecked. progress, if not nil, is told how many bytes are
// done, out of total. Errors: *FormatError, which names the first part that is
// damaged; *TruncatedError; *fs.PathError.
func (m *Image) Verify(progress func(done, total uint64)) error {
	st, err := m.f.Stat()
	if err != nil {
		return err
	}
	if uint64(st.Size()) != m.size {
		return &TruncatedError{Path: m.path, Size: uint64(st.Size()), Want: m.size}
	}
	v := verifier{m: m, buf: make([]byte, 256<<10), done: m.std, progress: progress}
	if err := v.check(m.std, m.stdEnd, m.stdSum, "the core notes"); err != nil {
		return err
	}
	for i, s := range m.segs {
		if s.FileSize == 0 {
			continue
		}
		what := fmt.Sprintf("the segment at address 0x%x", s.Addr)
		if err := v.check(pageDown(s.FileOff), pageUp(s.FileOff+s.FileSize), m.sums[i], what); err != nil {
			return err
		}
	}
	for _, t := range m.tables {
		if err := v.check(t.off, t.off+noteSpace(t.size), t.sum, fmt.Sprintf("table %#x", t.typ)); err != nil {
			return err
		}
	}
	return nil
}

// verifier reads an image's parts, in the order of the file.
type verifier struct {
	m        *Image
	buf      []byte
	done     uint64
	progress func(done, total uint64)
}

func (v *verifier) check(start, end uint64, want uint32, what string) error {
	sum := uint32(0)
	for pos := start; pos < end; {
		b := v.buf[:min(uint64(len(v.buf)), end-pos)]
		if err := v.m.readAt(b, pos); err != nil {
			return err
		}
		sum = crc32.Update(sum, castagnoli(), b)
		pos += uint64(len(b))
		v.done += uint64(len(b))
		if v.progress != nil {
			v.progress(v.done, v.m.size)
		}
	}
	if sum != want {
		return v.m.bad(start, fmt.Sprintf("%s is damaged: checksum %08x, should be %08x", what, sum, want))
	}
	return nil
}

// table reads one table's note and returns its desc.
func (m *Image) table(t tableInfo) ([]byte, error) {
	end := t.off + noteSpace(t.size)
	// The file may be shorter than its head says: no room for what is not there.
	if uint64(m.stat.Size) < end {
		return nil, &TruncatedError{Path: m.path, Size: uint64(m.stat.Size), Want: m.size}
	}
	b := make([]byte, end-t.off)
	if err := m.readAt(b, t.off); err != nil {
		return nil, err
	}
	if sum := crc32.Checksum(b, castagnoli()); sum != t.sum {
		return nil, m.bad(t.off, fmt.Sprintf("table %#x is damaged: checksum %08x, should be %08x", t.typ, sum, t.sum))
	}
	desc, next := ownNote(b, 0, noteTable|t.typ)
	if next != uint64(len(b)) || uint64(len(desc)) != t.size {
		return nil, m.bad(t.off, fmt.Sprintf("no sound note of table %#x here", t.typ))
	}
	return desc, nil
}

// readAt fills b from the file at off.
func (m *Image) readAt(b []byte, off uint64) error {
	_, err := m.f.ReadAt(b, int64(off))
	if err == io.EOF {
		return m.bad(off, "the file ended while it was read")
	}
	return err
}
