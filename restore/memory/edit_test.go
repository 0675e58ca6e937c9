package memory

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// space makes memory of segments, each a copy of bytes, at addresses in pages.
func space(t *testing.T, segs map[int][]byte, copied bool) *procmem.Space {
	t.Helper()
	var list []procmem.Segment
	for at, b := range segs {
		start := procmem.Addr(at * page)
		m := procmem.Mapping{Range: procmem.Range{Start: start, End: start + procmem.Addr(len(b))}}
		list = append(list, procmem.Segment{Mapping: m, Data: b, Copied: copied})
	}
	s, err := procmem.NewSpace(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSetBits compares with numbers without bounds: a field of each place and length gets all its
// bits, and nothing beside it any.
func TestSetBits(t *testing.T) {
	for size := uint64(1); size <= 8; size++ {
		for bit := range int(size) * 8 {
			for n := 0; bit+n <= int(size)*8; n++ {
				b := make([]byte, 32)
				e := Editor{space(t, map[int][]byte{1: b}, true)}
				f := symbols.Field{Name: "f", Offset: 5, Size: size, BitOffset: bit, BitSize: n}
				if err := e.SetBits(page+3, f); err != nil {
					t.Fatal(err)
				}
				first, bits := bit, n
				if n == 0 { // no bit-field: all of it
					first, bits = 0, int(size)*8
				}
				want := new(big.Int).Lsh(big.NewInt(1), uint(bits))
				want.Lsh(want.Sub(want, big.NewInt(1)), uint(8*8+first))
				little := make([]byte, 32)
				want.FillBytes(little)
				for i := range 16 {
					little[i], little[31-i] = little[31-i], little[i]
				}
				if !bytes.Equal(b, little) {
					t.Fatalf("%d bits from %d of %d bytes: % x, want % x", n, bit, size, b, little)
				}
			}
		}
	}
}

// TestSetBitsRefuses leaves memory alone that is not a copy, or not there, and what is no number.
func TestSetBitsRefuses(t *testing.T) {
	shared := make([]byte, 16)
	ours := make([]byte, 16)
	for _, c := range []struct {
		space *procmem.Space
		field symbols.Field
	}{
		{space(t, map[int][]byte{1: shared}, false), symbols.Field{Size: 4}},
		{space(t, map[int][]byte{1: ours}, true), symbols.Field{Size: 4, Offset: 16}},
		{space(t, map[int][]byte{1: ours}, true), symbols.Field{Size: 0}},
		{space(t, map[int][]byte{1: ours}, true), symbols.Field{Size: 9}},
	} {
		if err := (Editor{c.space}).SetBits(page, c.field); err == nil {
			t.Errorf("%+v was set", c.field)
		}
	}
	if !allZero(shared) || !allZero(ours) {
		t.Error("memory was changed nevertheless")
	}
}

// TestWipe clears random ranges over segments with gaps, and counts what was not zero.
func TestWipe(t *testing.T) {
	for n := range uint64(300) {
		r := rand.New(rand.NewPCG(n, 3))
		segs := map[int][]byte{}
		all := map[procmem.Addr]*byte{}
		for _, at := range []int{1, 2, 5} { // two that touch, one apart
			b := make([]byte, page)
			if at == 5 {
				b = b[:100]
			}
			for i := range b {
				b[i] = byte(r.IntN(3))
				all[procmem.Addr(at*page+i)] = &b[i]
			}
			segs[at] = b
		}
		start := procmem.Addr(r.IntN(6 * page))
		end := start + procmem.Addr(r.IntN(6*page))
		want, before := uint64(0), map[procmem.Addr]byte{}
		for a, p := range all {
			if before[a] = *p; a >= start && a < end && *p != 0 {
				want++
			}
		}
		if got := (Editor{space(t, segs, true)}).Wipe(start, end); got != want {
			t.Errorf("seed %d: %d bytes were not zero, said %d", n, want, got)
		}
		for a, p := range all {
			if in := a >= start && a < end; in && *p != 0 || !in && *p != before[a] {
				t.Fatalf("seed %d: the byte at %v is %d, was %d; %v to %v are cleared", n, a, *p, before[a],
					start, end)
			}
		}
	}
}

// TestStackStart takes for a stack what the kernel made, or what has a guard below it, and nothing
// else: what is not a stack must not be cleared.
func TestStackStart(t *testing.T) {
	at := func(page0, pages procmem.Addr, perms, path string) procmem.Mapping {
		return procmem.Mapping{
			Range: procmem.Range{Start: page0 * page, End: (page0 + pages) * page}, Path: path,
			Read: perms[0] == 'r', Write: perms[1] == 'w',
		}
	}
	maps := []procmem.Mapping{
		at(1, 1, "--", ""), at(2, 4, "rw", ""), // of a thread
		at(10, 4, "rw", ""),                      // a gap below
		at(20, 1, "r-", ""), at(21, 4, "rw", ""), // no guard
		at(30, 1, "--", ""), at(32, 4, "rw", ""), // not next to it
		at(40, 1, "--", ""), at(41, 4, "rw", "/a"), // a file
		at(50, 1, "--", ""), at(51, 4, "r-", ""),
		at(60, 4, "rw", "[stack]"),
	}
	for sp, want := range map[procmem.Addr]procmem.Addr{
		2: 2, 5: 2, 1: 0, 6: 0, 11: 0, 22: 0, 33: 0, 42: 0, 52: 0, 60: 60, 63: 60, 64: 0,
	} {
		low, ok := stackStart(maps, sp*page+8)
		if ok != (want != 0) || ok && low != want*page {
			t.Errorf("the stack of a pointer on page %d begins at %v (%t), want page %d", sp, low, ok, want)
		}
	}
}
