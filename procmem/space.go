package procmem

import (
	"fmt"
	"math"
	"sort"
	"sync"

	"golang.org/x/sys/unix"
)

// Segment is a mapping together with its contents.
type Segment struct {
	Mapping
	Data []byte // as long as the mapping; never to be written to, but by Edit
	// Copied says that Data is a copy of the target's memory that nobody else has.
	Copied bool

	lazy *lazyPages // of CaptureLazy; nil where Data is complete
}

// Space is an immutable set of segments: a copy of an address space, or of
// parts of it. All of its methods but Close are safe for concurrent use.
type Space struct {
	segs   []Segment
	starts []Addr // of segs, apart, so that a search touches few cache lines

	closeOnce sync.Once
	owned     [][]byte    // mapped by us, unmapped by Close
	reader    *lazyReader // of CaptureLazy; or nil
	closeErr  error
}

// NewSpace makes a Space of segments in any order; the slice is copied, the
// data is not. Overlapping segments give an [*OverlapError].
func NewSpace(segs []Segment) (*Space, error) {
	s := &Space{segs: append([]Segment(nil), segs...)}
	sort.Slice(s.segs, func(i, j int) bool { return s.segs[i].Start < s.segs[j].Start })
	s.starts = make([]Addr, len(s.segs))
	for i := range s.segs {
		seg := &s.segs[i]
		if seg.Start >= seg.End || uint64(len(seg.Data)) != seg.Len() {
			return nil, fmt.Errorf("segment %v has %d bytes of data", seg.Range, len(seg.Data))
		}
		if i > 0 && s.segs[i-1].End > seg.Start {
			return nil, &OverlapError{s.segs[i-1].Range, seg.Range}
		}
		s.starts[i] = seg.Start
	}
	return s, nil
}

// Segments gives all segments in address order. The slice belongs to s and must
// not be changed.
func (s *Space) Segments() []Segment { return s.segs }

// Close releases the memory that Capture or LoadCore mapped for s. No slice
// that came from s may be used after it. It may be called more than once.
func (s *Space) Close() error {
	s.closeOnce.Do(func() {
		if s.reader != nil {
			_ = s.reader.pm.Close() // only read
		}
		for _, m := range s.owned {
			if err := unix.Munmap(m); err != nil && s.closeErr == nil {
				s.closeErr = fmt.Errorf("cannot release a copy of target memory: %w", err)
			}
		}
		s.owned, s.segs, s.starts = nil, nil, nil
	})
	return s.closeErr
}

// Find gives the segment that holds address a.
func (s *Space) Find(a Addr) (*Segment, bool) {
	if i := s.index(a); i >= 0 {
		return &s.segs[i], true
	}
	return nil, false
}

// index gives the number of the segment that holds a, or -1.
func (s *Space) index(a Addr) int {
	starts := s.starts
	lo, n := 0, len(starts)
	// The number of rounds depends on the length alone and the body is a
	// conditional move: no branch to mispredict.
	for n > 1 {
		half := n >> 1
		next := lo
		if starts[lo+half] <= a {
			next = lo + half
		}
		lo = next
		n -= half
	}
	if n == 0 || a < starts[lo] || a >= s.segs[lo].End {
		return -1
	}
	return lo
}

// window gives the bytes from a to the end of its segment, the first n of which may be read.
func (s *Space) window(a Addr, n uint64) ([]byte, bool) {
	i := s.index(a)
	if i < 0 {
		return nil, false
	}
	seg := &s.segs[i]
	seg.Have(uint64(a-seg.Start), n)
	return seg.Data[a-seg.Start:], true
}

// Bytes gives the n bytes at a. Inside one segment this is the segment's own
// memory, not to be written to; across adjacent segments it is a copy. When not
// all bytes are known the error is a [*ReadError].
func (s *Space) Bytes(a Addr, n uint64) ([]byte, error) {
	w, ok := s.window(a, n)
	if ok && n <= uint64(len(w)) {
		return w[:n:n], nil
	}
	if n == 0 {
		return nil, nil
	}
	// Check before allocating: n may come from the target.
	if have := s.contiguous(a, n); have < n {
		return nil, &ReadError{Addr: a + Addr(have), Len: n - have, Err: ErrUnmapped}
	}
	p := make([]byte, n)
	s.copyTo(p, a)
	return p, nil
}

// Edit returns the n bytes at a, which lie in one segment, to be changed: the copy is then no longer that of the target. The caller
// sees to it that nobody reads meanwhile. Errors: *ReadError, also for memory that is no copy.
func (s *Space) Edit(a Addr, n uint64) ([]byte, error) {
	i := s.index(a)
	if i < 0 || !s.segs[i].Copied || uint64(s.segs[i].End-a) < n {
		return nil, &ReadError{Addr: a, Len: n, Err: ErrUnmapped}
	}
	off := uint64(a - s.segs[i].Start)
	s.segs[i].Have(off, n)
	if l := s.segs[i].lazy; l != nil {
		l.keep(off, n)
	}
	return s.segs[i].Data[off : off+n : off+n], nil
}

// ReadAt implements [Reader].
func (s *Space) ReadAt(p []byte, a Addr) (int, error) {
	n := s.copyTo(p, a)
	if n < len(p) {
		return n, &ReadError{Addr: a + Addr(n), Len: uint64(len(p) - n), Err: ErrUnmapped}
	}
	return n, nil
}

// Known gives the parts of r that are known, in address order; adjacent segments make one.
func (s *Space) Known(r Range) []Range {
	var out []Range
	i := sort.Search(len(s.segs), func(i int) bool { return s.segs[i].End > r.Start })
	for ; i < len(s.segs) && s.segs[i].Start < r.End; i++ {
		part := Range{max(r.Start, s.segs[i].Start), min(r.End, s.segs[i].End)}
		if n := len(out); n > 0 && out[n-1].End == part.Start {
			out[n-1].End = part.End
		} else {
			out = append(out, part)
		}
	}
	return out
}

// contiguous gives how many bytes from a on are known without a gap, at most n.
func (s *Space) contiguous(a Addr, n uint64) uint64 {
	i := s.index(a)
	if i < 0 {
		return 0
	}
	end := s.segs[i].End
	for i++; i < len(s.segs) && uint64(end-a) < n && s.segs[i].Start == end; i++ {
		end = s.segs[i].End
	}
	return min(uint64(end-a), n)
}

// copyTo copies to p what is known from a on and gives how much that was.
func (s *Space) copyTo(p []byte, a Addr) int {
	done := 0
	for done < len(p) {
		if uint64(done) > math.MaxUint64-uint64(a) {
			break // would wrap round to address 0
		}
		w, ok := s.window(a+Addr(done), uint64(len(p)-done))
		if !ok {
			break
		}
		done += copy(p[done:], w)
	}
	return done
}
