package procmem

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Capture copies the memory of a process that is stopped. maps are its
// mappings ([ReadMaps]); only these are captured, so a caller may pass a subset.
//
// Every readable mapping is copied, except: a private file mapping that cannot
// be written and was not modified is mapped from its file instead (when device
// and inode still match, also through the target's root directory); [vvar],
// [vsyscall] and devices are left out. Pages that cannot be read, such as guard
// pages inside a mapping, are left out: the mapping then gives more than one
// segment. Untouched anonymous pages cost nothing.
//
// progress, if not nil, is called now and then with bytes done and to be done.
// The caller owns the Space and calls its Close. A file that is mapped and then
// cut short by somebody kills a reader of it with SIGBUS, as with any mmap.
func Capture(live *Live, maps []Mapping, progress func(done, total uint64)) (*Space, error) {
	c := &capture{live: live, progress: progress}
	// Without the page map (an old kernel, a sandbox) everything is copied.
	if pm, err := openPagemap(live.pid); err == nil {
		c.pm = pm
		defer pm.Close()
	}
	sp, err := c.run(maps)
	if err != nil {
		c.release()
		return nil, err
	}
	sp.owned = c.owned
	return sp, nil
}

// capture is one Capture under way.
type capture struct {
	live     *Live
	pm       *pagemap // or nil
	progress func(done, total uint64)

	segs        []Segment
	owned       [][]byte
	done, total uint64
}

func (c *capture) release() {
	for _, m := range c.owned {
		_ = unix.Munmap(m) // nothing can be done about it, and nothing is lost
	}
}

func (c *capture) run(maps []Mapping) (*Space, error) {
	var copied []Mapping
	var size uint64
	for _, m := range maps {
		if !m.Read || skipped(&m) {
			continue
		}
		if data, ok := c.fromFile(&m); ok {
			c.owned = append(c.owned, data)
			c.segs = append(c.segs, Segment{Mapping: m, Data: data})
			continue
		}
		if m.Len() > 1<<47 || m.Len()%pageSize != 0 {
			return nil, fmt.Errorf("mapping %v has an impossible size", m.Range)
		}
		copied = append(copied, m)
		size += m.Len()
	}
	if len(copied) > 0 {
		arena, err := mmapAnon(size)
		if err != nil {
			return nil, err
		}
		c.owned = append(c.owned, arena)
		if err := c.copyAll(copied, arena); err != nil {
			return nil, err
		}
	}
	return NewSpace(c.segs)
}

// skipped says whether a readable mapping holds nothing that is worth, or
// safe, to copy.
func skipped(m *Mapping) bool {
	switch {
	case strings.HasPrefix(m.Path, "[vvar"), m.Path == "[vsyscall]", strings.HasPrefix(m.Path, "anon_inode:"):
		return true
	case strings.HasPrefix(m.Path, "/dev/") && m.Path != "/dev/zero":
		st, err := os.Stat(m.Path)
		return err == nil && st.Mode()&os.ModeDevice != 0
	}
	return false
}

// fromFile maps a mapping's file, if that shows the same as the target's memory.
func (c *capture) fromFile(m *Mapping) ([]byte, bool) {
	if m.Write || m.Shared || m.Inode == 0 || m.Deleted || !strings.HasPrefix(m.Path, "/") || c.pm == nil {
		return nil, false
	}
	if mod, err := c.pm.modified(m.Range); mod || err != nil {
		return nil, false
	}
	for _, root := range []string{"", fmt.Sprintf("/proc/%d/root", c.live.pid)} {
		f, st, err := openRegular(root + m.Path)
		if err != nil {
			continue
		}
		var data []byte
		if st.Ino == m.Inode && unix.Major(st.Dev) == m.Major && unix.Minor(st.Dev) == m.Minor {
			data, err = mmapFile(f, st.Size, m.Offset, m.Len())
		}
		f.Close()
		if data != nil && err == nil {
			return data, true
		}
	}
	return nil, false
}

// piece is a run of pages to be copied, and where to.
type piece struct {
	Range
	dst []byte
}

// copyAll copies all mappings into arena, one after the other, and appends
// their segments.
func (c *capture) copyAll(maps []Mapping, arena []byte) error {
	var pieces []piece
	for _, m := range maps {
		data := arena[:m.Len():m.Len()]
		arena = arena[m.Len():]
		c.segs = append(c.segs, Segment{Mapping: m, Data: data, Copied: true})
		for _, r := range c.runs(&m) {
			pieces = append(pieces, piece{r, data[r.Start-m.Start : r.End-m.Start]})
			c.total += r.Len()
		}
	}
	holes, err := c.copyPieces(pieces)
	if err != nil {
		return err
	}
	c.segs = cut(c.segs, holes)
	return nil
}

// runs gives the parts of a mapping that have to be copied.
func (c *capture) runs(m *Mapping) []Range {
	if c.pm != nil && anonymous(m) {
		if runs, err := c.pm.populated(m.Range); err == nil {
			return runs
		}
	}
	return []Range{m.Range}
}

// anonymous says whether pages of m that do not exist yet read as zero. The
// vDSO, for one, has no inode either, but contents.
func anonymous(m *Mapping) bool {
	return !m.Shared && m.Inode == 0 && (m.Path == "" || m.Path == "[heap]" ||
		strings.HasPrefix(m.Path, "[stack") || strings.HasPrefix(m.Path, "[anon:"))
}

// copyPieces copies all pieces and gives the pages that could not be read.
func (c *capture) copyPieces(pieces []piece) (holes []Range, err error) {
	const batchBytes = 32 << 20 // a progress report each
	for len(pieces) > 0 {
		var spans []span
		size := uint64(0)
		for _, p := range pieces {
			if len(spans) == maxIovecs || size >= batchBytes {
				break
			}
			n := min(p.Len(), batchBytes-size)
			spans = append(spans, span{p.dst[:n], p.Start})
			size += n
		}
		n, err := c.live.readVec(spans)
		switch {
		case errors.Is(err, unix.EFAULT), errors.Is(err, unix.EIO), errors.Is(err, unix.ENOMEM):
			// The first page of the batch cannot be read.
			hole := Range{pieces[0].Start, pieces[0].Start + Addr(min(pageSize, pieces[0].Len()))}
			holes = append(holes, hole)
			n = int(hole.Len())
		case err != nil:
			return nil, &ReadError{Addr: pieces[0].Start, Len: pieces[0].Len(), Err: err}
		}
		pieces = advance(pieces, uint64(n))
		c.done += uint64(n)
		if c.progress != nil {
			c.progress(c.done, c.total)
		}
	}
	return holes, nil
}

// advance drops the first n bytes.
func advance(pieces []piece, n uint64) []piece {
	for len(pieces) > 0 && n >= pieces[0].Len() {
		n -= pieces[0].Len()
		pieces = pieces[1:]
	}
	if n > 0 && len(pieces) > 0 {
		pieces[0].Start += Addr(n)
		pieces[0].dst = pieces[0].dst[n:]
	}
	return pieces
}

// cut takes holes out of the segments.
func cut(segs []Segment, holes []Range) []Segment {
	if len(holes) == 0 {
		return segs
	}
	isHole := make(map[Addr]bool, len(holes))
	for _, h := range holes {
		for a := h.Start; a < h.End; a += Addr(pageSize) {
			isHole[a] = true
		}
	}
	var out []Segment
	for _, s := range segs {
		from := s.Start
		for a := s.Start; a < s.End; a += Addr(pageSize) {
			if isHole[a] {
				out = appendPart(out, &s, Range{from, a})
				from = a + Addr(pageSize)
			}
		}
		out = appendPart(out, &s, Range{from, s.End})
	}
	return out
}

// appendPart appends the part r of segment s, unless it is empty.
func appendPart(segs []Segment, s *Segment, r Range) []Segment {
	if r.Len() == 0 {
		return segs
	}
	part := *s
	part.Range = r
	part.Data = s.Data[r.Start-s.Start : r.End-s.Start]
	if s.Inode != 0 {
		part.Offset += uint64(r.Start - s.Start)
	}
	return append(segs, part)
}
