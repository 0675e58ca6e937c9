package procmem

import (
	"bytes"
	"errors"
	"math"
	"math/rand"
	"slices"
	"testing"
)

func seg(start Addr, data ...byte) Segment {
	return Segment{Mapping: Mapping{Range: Range{start, start + Addr(len(data))}, Read: true}, Data: data}
}

func fill(n int, first byte) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = first + byte(i)
	}
	return p
}

func testSpace(t *testing.T) *Space {
	t.Helper()
	sp, err := NewSpace([]Segment{
		seg(0x2000, fill(16, 16)...), // adjacent to the next in the list
		seg(0x1ff0, fill(16, 0)...),
		seg(0x3000, append([]byte("hello\x00"), fill(10, 'a')...)...),
		seg(math.MaxUint64-15, fill(15, 0)...),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

func TestSpaceReads(t *testing.T) {
	sp := testSpace(t)
	if v, err := sp.U64(0x1ff4); err != nil || v != 0x0b0a090807060504 {
		t.Errorf("U64: %#x, %v", v, err)
	}
	if v, err := sp.U64(0x1ffc); err != nil || v != 0x131211100f0e0d0c {
		t.Errorf("U64 across segments: %#x, %v", v, err)
	}
	if v, err := sp.U32(0x1ffe); err != nil || v != 0x11100f0e {
		t.Errorf("U32 across segments: %#x, %v", v, err)
	}
	if v, err := sp.U16(0x200e); err != nil || v != 0x1f1e {
		t.Errorf("U16 at the end: %#x, %v", v, err)
	}
	if v, err := sp.U8(0x200f); err != nil || v != 0x1f {
		t.Errorf("U8: %#x, %v", v, err)
	}
	if s, err := sp.CString(0x3001, 16); err != nil || s != "ello" {
		t.Errorf("CString: %q, %v", s, err)
	}
	if s, err := sp.CString(0x3000, 5); !errors.Is(err, ErrNoTerminator) {
		t.Errorf("CString without room for the NUL: %q, %v", s, err)
	}
	b, err := sp.Bytes(0x1ff8, 16)
	if err != nil || !bytes.Equal(b, fill(16, 8)) {
		t.Errorf("Bytes: %v, %v", b, err)
	}
	inside, err := sp.Bytes(0x2004, 4)
	if err != nil || &inside[0] != &sp.Segments()[1].Data[4] {
		t.Errorf("Bytes inside a segment is a copy (%v)", err)
	}
	if cap(inside) != 4 {
		t.Error("Bytes gives room to write into the neighbour")
	}
	for _, a := range []Addr{0, 0x1fef, 0x2010, 0x2fff, 0x3010, math.MaxUint64} {
		if s, ok := sp.Find(a); ok {
			t.Errorf("Find(%v) gives %v", a, s.Range)
		}
	}
}

func TestSpaceErrors(t *testing.T) {
	sp := testSpace(t)
	var e *ReadError
	if _, err := sp.Bytes(0x2000, math.MaxUint64); !errors.As(err, &e) || e.Addr != 0x2010 || !errors.Is(err, ErrUnmapped) {
		t.Errorf("too many bytes: %v", err)
	}
	if _, err := sp.U64(0x200c); !errors.As(err, &e) || e.Addr != 0x2010 || e.Len != 4 {
		t.Errorf("U64 over the end: %v", err)
	}
	if _, err := sp.U64(math.MaxUint64 - 4); !errors.As(err, &e) {
		t.Errorf("U64 over the end of all memory: %v", err)
	}
	p := make([]byte, 32)
	if n, err := sp.ReadAt(p, 0x2008); n != 8 || !errors.As(err, &e) || e.Addr != 0x2010 || e.Len != 24 {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	if n, err := sp.ReadAt(p, math.MaxUint64-15); n != 15 || err == nil {
		t.Errorf("ReadAt at the end of all memory: %d, %v", n, err)
	}
	if _, err := sp.CString(0x3006, 100); !errors.As(err, &e) || e.Addr != 0x3010 {
		t.Errorf("CString over the end: %v", err)
	}
	var o *OverlapError
	if _, err := NewSpace([]Segment{seg(0x1000, 1, 2, 3), seg(0x1002, 1)}); !errors.As(err, &o) {
		t.Errorf("overlap: %v", err)
	}
	bad := seg(0x1000, 1, 2, 3)
	bad.End++
	if _, err := NewSpace([]Segment{bad}); err == nil {
		t.Error("data shorter than its segment is accepted")
	}
}

// Find agrees with a plain search.
func TestSpaceFind(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for n := range 40 {
		var segs []Segment
		at := Addr(0x1000)
		for range n {
			at += Addr(rnd.Intn(3)) // sometimes adjacent
			size := 1 + rnd.Intn(5)
			segs = append(segs, seg(at, make([]byte, size)...))
			at += Addr(size)
		}
		sp, err := NewSpace(segs)
		if err != nil {
			t.Fatal(err)
		}
		for a := Addr(0xff0); a < at+10; a++ {
			var want *Segment
			for i := range segs {
				if segs[i].Contains(a) {
					want = &segs[i]
				}
			}
			got, ok := sp.Find(a)
			if ok != (want != nil) || ok && got.Range != want.Range {
				t.Fatalf("Find(%v) of %d segments: %v, %v", a, n, got, ok)
			}
		}
	}
}

func BenchmarkU64(b *testing.B) {
	var segs []Segment
	for i := range 300 {
		segs = append(segs, seg(Addr(i)<<20, make([]byte, 1<<16)...))
	}
	sp, err := NewSpace(segs)
	if err != nil {
		b.Fatal(err)
	}
	rnd := rand.New(rand.NewSource(1))
	addrs := make([]Addr, 1<<12)
	for i := range addrs {
		addrs[i] = Addr(rnd.Intn(300))<<20 + Addr(rnd.Intn(1<<16-8))
	}
	for i := 0; b.Loop(); i++ {
		if _, err := sp.U64(addrs[i&(1<<12-1)]); err != nil {
			b.Fatal(err)
		}
	}
}

func TestKnown(t *testing.T) {
	seg := func(lo, hi Addr) Segment {
		return Segment{Mapping: Mapping{Range: Range{lo, hi}}, Data: make([]byte, hi-lo)}
	}
	s, err := NewSpace([]Segment{seg(0x1000, 0x2000), seg(0x2000, 0x3000), seg(0x5000, 0x6000)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    Range
		want []Range
	}{
		{Range{0, 0x1000}, nil},
		{Range{0x1800, 0x2800}, []Range{{0x1800, 0x2800}}},
		{Range{0, 0x9000}, []Range{{0x1000, 0x3000}, {0x5000, 0x6000}}},
		{Range{0x3000, 0x5000}, nil},
		{Range{0x2fff, 0x5001}, []Range{{0x2fff, 0x3000}, {0x5000, 0x5001}}},
	} {
		if got := s.Known(c.r); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.r, got, c.want)
		}
	}
}
