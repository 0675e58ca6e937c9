package stub_test

import (
	"hash/crc32"
	"strconv"
	"testing"

	"pyfreeze/restore/internal/parity"
	"pyfreeze/restore/stub"
)

// TestChecksums compares both ways in C, by the processor's instruction and bit by bit, with Go's:
// for all lengths around a word, at any alignment, and summed in two parts.
func TestChecksums(t *testing.T) {
	d := parity.Start(t)
	check := func(b []byte, split int) {
		t.Helper()
		want := strconv.FormatUint(uint64(crc32.Checksum(b, castagnoli)), 10)
		for _, got := range d.Ask("!crc", string(b), strconv.Itoa(split)) {
			if got != want {
				t.Errorf("%d bytes, split at %d: C says %s, Go %s", len(b), split, got, want)
			}
		}
	}
	r := seeded(1)
	for n := range 40 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		for split := 0; split <= n; split++ {
			check(b, split)
		}
	}
	check(make([]byte, 100_000), 77)
	// The vector of RFC 3720 B.4, so that the two cannot be wrong together.
	if a := d.Ask("!crc", string(make([]byte, 32)), "0"); a[0] != strconv.FormatUint(0x8a9136aa, 10) {
		t.Errorf("32 zero bytes have the sum %q", a)
	}
}

// TestPrograms compares what is taken for the program of an image, whole, cut and changed in each
// word of its two heads.
func TestPrograms(t *testing.T) {
	d := parity.Start(t)
	tables := &stub.Tables{}
	h := stub.Head{Base: 1 << 44, Exe: tables.Str("/bin/sh")}
	note := h.Program(tables)
	check := func(b []byte, want bool, what string, n int) {
		t.Helper()
		_, _, err := stub.ReadProgram(b)
		if got := d.True("!program", string(b)); got != want || (err == nil) != want {
			t.Errorf("%s %d: C says %t, Go %v; want %t", what, n, got, err, want)
		}
	}
	check(note, true, "as it is", 0)
	for n := range note {
		if n < 100 || n > len(note)-700 || n%64 == 0 {
			check(note[:n], false, "cut to", n)
		}
	}
	check(append(note[:len(note):len(note)], 0), false, "longer by", 1)
	used := int(stub.Own().Used)
	for _, at := range []int{0, 4, 8, 16, used, used + 4, used + 8, used + 12} {
		bad := append([]byte{}, note...)
		le.PutUint32(bad[at:], le.Uint32(bad[at:])+1)
		check(bad, false, "one more at", at)
	}
	// The end of the variables may lie where it likes, between their beginning and the end of the
	// room.
	size := uint32(len(note) - used)
	for end, want := range map[uint32]bool{
		stub.Own().Used - 1: false, stub.Own().Used: true, stub.RegionArgs - size: true,
		stub.RegionArgs - size + 1: false, -size: false, 1<<32 - 1: false,
	} {
		b := append([]byte{}, note...)
		le.PutUint32(b[20:], end)
		check(b, want, "variables that end at", int(end))
	}
}
