package procmem

import (
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// lazyChunk is how much is read at a time: less costs more calls, more reads what nobody asked for.
const lazyChunk = 64 << 10

// CaptureLazy is Capture for a process that stays stopped, and that nobody else changes, until the
// Space is closed: private anonymous memory is read when and where it is asked for, the rest at
// once. Whoever uses [Segment.Data] asks with [Segment.Have] first. What fails later, since the
// process has died, [Space.Err] tells.
func CaptureLazy(live *Live, maps []Mapping) (*Space, error) {
	l := &lazyReader{live: live}
	var err error
	if l.pm, err = openPagemap(live.pid); err != nil {
		return Capture(live, maps, nil) // which pages are there is not known: reading those that are not would make them
	}
	var later, now []Mapping
	for _, m := range maps {
		if m.Read && anonymous(&m) && m.Len()%pageSize == 0 && m.Len() <= 1<<47 {
			later = append(later, m)
		} else {
			now = append(now, m)
		}
	}
	sp, err := Capture(live, now, nil)
	if err != nil {
		_ = l.pm.Close()
		return nil, err
	}
	segs := append([]Segment(nil), sp.segs...)
	owned := sp.owned
	for _, m := range later {
		data, err := mmapAnon(m.Len())
		if err != nil {
			_ = l.pm.Close()
			_ = sp.Close()
			return nil, err
		}
		owned = append(owned, data)
		n := (m.Len() + lazyChunk - 1) / lazyChunk
		segs = append(segs, Segment{Mapping: m, Data: data, Copied: true,
			lazy: &lazyPages{from: l, start: m.Start, data: data,
				have: make([]atomic.Bool, n), kept: make([]atomic.Bool, n)}})
	}
	sp.owned = owned
	out, err := NewSpace(segs)
	if err != nil {
		_ = l.pm.Close()
		_ = sp.Close()
		return nil, err
	}
	out.owned, out.reader = owned, l
	return out, nil
}

// lazyReader reads for all segments of a Space.
type lazyReader struct {
	live *Live
	pm   *pagemap

	mu  sync.Mutex // one reads at a time
	err error      // the first
}

// lazyPages is the memory of one segment.
type lazyPages struct {
	from  *lazyReader
	start Addr
	data  []byte
	have  []atomic.Bool // by chunk
	kept  []atomic.Bool // chunks that were changed here, and cannot be read again
}

// Have makes n bytes of Data from an offset on those of the target. It is quick where they are
// already.
func (s *Segment) Have(off, n uint64) {
	if s.lazy != nil {
		s.lazy.want(off, n)
	}
}

// Lazy says whether Data is still to be asked for, with Have.
func (s *Segment) Lazy() bool { return s.lazy != nil }

func (l *lazyPages) want(off, n uint64) {
	size := uint64(len(l.data))
	if n == 0 || off >= size {
		return
	}
	last := (off + min(n, size-off) - 1) / lazyChunk
	for c := off / lazyChunk; c <= last; c++ {
		if !l.have[c].Load() {
			l.read(c)
		}
	}
}

// read reads a chunk: only pages that are there, since reading makes others, in the target's page
// tables.
func (l *lazyPages) read(c uint64) {
	r := l.from
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.have[c].Load() {
		return
	}
	defer l.have[c].Store(true) // also what cannot be read is not tried again
	off := c * lazyChunk
	end := min(off+lazyChunk, uint64(len(l.data)))
	runs, err := r.pm.populated(Range{l.start + Addr(off), l.start + Addr(end)})
	if err != nil {
		r.fail(err)
		return
	}
	for _, run := range runs {
		at := uint64(run.Start - l.start)
		if err := r.readRun(l.data[at:at+run.Len()], run.Start); err != nil {
			r.fail(err)
		}
	}
}

// readRun reads pages, but for those that the process itself cannot read: guard regions
// (MADV_GUARD_INSTALL of Linux 6.13), which glibc has below the stacks of threads since 2.42.
func (r *lazyReader) readRun(b []byte, at Addr) error {
	_, err := r.live.ReadAt(b, at)
	if !errors.Is(err, unix.EFAULT) {
		return err
	}
	for len(b) > 0 {
		n := min(pageSize, uint64(len(b)))
		if _, err := r.live.ReadAt(b[:n], at); err != nil && !errors.Is(err, unix.EFAULT) {
			return err
		}
		b, at = b[n:], at+Addr(n)
	}
	return nil
}

func (r *lazyReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Evict gives back the memory of r that can be read again when it is asked for, for whoever goes
// through all of it in order: what lies at the end of r may stay for what follows. The caller sees
// to it that nobody reads meanwhile.
func (s *Space) Evict(r Range) {
	i := max(s.index(r.Start), 0)
	for ; i < len(s.segs) && s.segs[i].Start < r.End; i++ {
		if l := s.segs[i].lazy; l != nil && s.segs[i].End > r.Start {
			l.evict(max(r.Start, l.start), min(r.End, s.segs[i].End))
		}
	}
}

func (l *lazyPages) evict(start, end Addr) {
	for c := uint64(start-l.start) / lazyChunk; c < uint64(len(l.have)); c++ {
		from := c * lazyChunk
		to := min(from+lazyChunk, uint64(len(l.data)))
		if to > uint64(end-l.start) {
			return
		}
		if !l.have[c].Load() || l.kept[c].Load() {
			continue
		}
		// Private anonymous memory of ours: it is zero when it is read next.
		if unix.Madvise(l.data[from:to], unix.MADV_DONTNEED) == nil {
			l.have[c].Store(false)
		}
	}
}

// keep says that the bytes are changed here.
func (l *lazyPages) keep(off, n uint64) {
	if n > 0 {
		for c := off / lazyChunk; c <= (off+n-1)/lazyChunk; c++ {
			l.kept[c].Store(true)
		}
	}
}

// View is Bytes for whoever asks with Have before each use, and may Evict after it. What lies in
// more than one segment is a copy that is complete.
func (s *Space) View(a Addr, n uint64) ([]byte, error) {
	if i := s.index(a); i >= 0 && s.segs[i].lazy != nil && n <= uint64(s.segs[i].End-a) {
		off := uint64(a - s.segs[i].Start)
		return s.segs[i].Data[off : off+n : off+n], nil
	}
	return s.Bytes(a, n)
}

// Have makes the n bytes at a those of the target, where they are in one segment. The error is that
// of [Space.Err].
func (s *Space) Have(a Addr, n uint64) error {
	if i := s.index(a); i >= 0 {
		s.segs[i].Have(uint64(a-s.segs[i].Start), n)
	}
	return s.Err()
}

// Err tells why memory that was asked for since is missing; nil where nothing is. It is zeros then.
func (s *Space) Err() error {
	if s.reader == nil {
		return nil
	}
	s.reader.mu.Lock()
	defer s.reader.mu.Unlock()
	return s.reader.err
}

// Peek gives 16 bytes at an offset of Data without keeping the rest of what lies around them: for a
// look at one word of many pages.
func (s *Segment) Peek(off uint64) (b [16]byte) {
	if off+16 > uint64(len(s.Data)) {
		return b
	}
	if s.lazy == nil || s.lazy.have[off/lazyChunk].Load() {
		copy(b[:], s.Data[off:])
		return b
	}
	return s.lazy.peek(off)
}

func (l *lazyPages) peek(off uint64) (b [16]byte) {
	r := l.from
	r.mu.Lock()
	defer r.mu.Unlock()
	at := l.start + Addr(off)
	page := at &^ Addr(pageSize-1)
	runs, err := r.pm.populated(Range{page, page + Addr(pageSize)})
	if err == nil && len(runs) > 0 {
		err = r.readRun(b[:], at)
	}
	if err != nil {
		r.fail(err)
	}
	return b
}
