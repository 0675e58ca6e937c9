package stub

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestTables appends parts of all lengths: each lies where its offset says, aligned, and none over
// another. What is long may be mapped or compared in cache lines, so it begins at one.
func TestTables(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tables, h := &Tables{}, Head{}
	parts := map[uint32][]byte{}
	end := uint32(HeadSize)
	for range 300 {
		b := make([]byte, r.IntN(40))
		if r.IntN(8) == 0 {
			b = make([]byte, 500+r.IntN(30))
		}
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		off := tables.Bytes(b)
		if off < end || off%8 != 0 || len(b) >= 512 && off%64 != 0 || off-end >= 64 {
			t.Errorf("%d bytes at %d, behind what ends at %d", len(b), off, end)
		}
		end = off + uint32(len(b))
		parts[off] = b
	}
	for off, b := range parts {
		if len(b) > 0 && r.IntN(3) == 0 {
			parts[off] = bytes.Repeat([]byte{7}, len(b))
			tables.Set(off, parts[off])
		}
	}
	_, rest, err := ReadProgram(h.Program(tables))
	if err != nil {
		t.Fatal(err)
	}
	for off, b := range parts {
		if !bytes.Equal(rest[off:off+uint32(len(b))], b) {
			t.Errorf("what is at %d is not the %d bytes that were put there", off, len(b))
		}
	}
}

// TestWords shows how strings, words and structures lie in the tables, byte by byte.
func TestWords(t *testing.T) {
	tables, h := &Tables{}, Head{}
	str := tables.Str("ab")
	words := tables.Words([]uint64{1, 1<<64 - 2})
	pokes := Encode(tables, []Poke{{Addr: 3, Value: 4, Size: 5}, {Addr: 6}})
	none := Encode(tables, []Poke{})
	_, rest, err := ReadProgram(h.Program(tables))
	if err != nil {
		t.Fatal(err)
	}
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	for off, want := range map[uint32]string{
		str:   "ab\x00",
		words: "\x01" + zeros(7) + "\xfe\xff\xff\xff\xff\xff\xff\xff",
		pokes: "\x03" + zeros(7) + "\x04" + zeros(7) + "\x05" + zeros(7) + "\x06\x00",
	} {
		if got := rest[off:min(int(off)+len(want), len(rest))]; string(got) != want {
			t.Errorf("at %d: %q, want %q", off, got, want)
		}
	}
	if int(none) != len(rest) {
		t.Errorf("an empty list is at %d, of %d bytes", none, len(rest))
	}
}

// TestRegion compares the two forms of a program: in memory the variables lie between the stub and
// its head, all zero.
func TestRegion(t *testing.T) {
	tables, h, own := &Tables{}, Head{Base: 77}, Own()
	tables.Str("a table")
	region, program := h.Region(tables), h.Program(tables)
	if !bytes.Equal(region[:own.Used], program[:own.Used]) ||
		!bytes.Equal(region[own.End:], program[own.Used:]) {
		t.Error("stub or head of the two differ")
	}
	if len(bytes.Trim(region[own.Used:own.End], "\x00")) > 0 {
		t.Error("the variables are not zero")
	}
	if uint32(own.Run) < own.Text || own.Run > own.End || own.Stack > own.End ||
		own.Thaw >= own.Text ||
		own.Agent >= own.Text || own.Trap >= own.Text || own.Restorer >= own.Text {
		t.Errorf("the parts of the stub lie outside theirs: %+v", own)
	}
	program[0]++
	if region2 := h.Region(tables); !bytes.Equal(region, region2) {
		t.Error("what was returned is the stub itself: a caller has changed it")
	}
}

// TestForkedAt checks the offset that the tracer writes to, by its effect on the decoded head.
func TestForkedAt(t *testing.T) {
	h := Head{}
	note := h.Program(&Tables{})
	note[uint64(Own().Used)+ForkedAt] = 1
	if got, _, err := ReadProgram(note); err != nil || got.Forked != 1 {
		t.Errorf("Forked is %d (%v)", got.Forked, err)
	}
}

// FuzzReadProgram reads what may come from any file: no panic, one error, and nothing but what is
// there.
func FuzzReadProgram(f *testing.F) {
	h := Head{}
	note := h.Program(&Tables{})
	for _, n := range []int{0, 47, 48, len(blob), len(note) - 1, len(note)} {
		f.Add(note[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, rest, err := ReadProgram(b)
		if err != nil {
			if !errors.Is(err, ErrVersion) {
				t.Errorf("the error is %v", err)
			}
			return
		}
		if uint64(h.Size) != uint64(len(rest)) || uint64(h.Size) < HeadSize || !bytes.HasSuffix(b, rest) {
			t.Errorf("a head of %d bytes, %d follow the stub", h.Size, len(rest))
		}
	})
}
