package restore

import (
	"slices"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

type dataAt map[procmem.Addr]bool

func (d dataAt) IsData(a procmem.Addr) bool        { return d[a] }
func (d dataAt) Word(procmem.Addr) pyheap.WordInfo { return pyheap.WordInfo{} }

// heapSegment makes a [heap] of chunks, negative sizes for free ones, each filled with word.
func heapSegment(start procmem.Addr, word uint64, sizes ...int) frozenSegment {
	s := frozenSegment{Region: procmem.Region{Class: procmem.ClassFrozen}, early: true}
	prev := uint64(1)
	for _, n := range sizes {
		free := n < 0
		if free {
			n = -n
		}
		c := make([]byte, n)
		for i := 16; i < n; i += 8 {
			le.PutUint64(c[i:], word)
		}
		le.PutUint64(c[8:], uint64(n)|prev)
		prev = 1
		if free {
			prev = 0
		}
		s.Data = append(s.Data, c...)
	}
	s.Mapping.Path = "[heap]"
	s.Range = procmem.Range{Start: start, End: start + procmem.Addr(len(s.Data))}
	return s
}

// A link to malloc's bins stays as it is wherever it lies.
func TestRelocationsLeaveBinsAlone(t *testing.T) {
	libs := []library{{Base: 0x7f0000000000, Span: 0x10000}}
	s := heapSegment(0x1000, 0x7f0000000c60, 32, -32, 32, 32)
	le.PutUint64(s.Data[0x38:], 0x7f0000000c80) // bk of the free chunk
	le.PutUint64(s.Data[0x50:], 0x7f0000000c70) // between the two bins, in a live chunk
	le.PutUint64(s.Data[0x58:], 0x7f0000000c90) // something else of libc
	r := findRelocations(&frozen{segs: []frozenSegment{s}}, libs, [3]uint64{}, nil, dataAt{}, []pyheap.Dead{{Start: 0x1030, End: 0x1050, Links: 16}}, nil)
	if want := []uint64{0x1058}; !slices.Equal(r.words, want) {
		t.Errorf("words %#x, want %#x", r.words, want)
	}
}

func TestFindRelocations(t *testing.T) {
	libs := []library{{Base: 0x7f0000000000, Span: 0x1000}, {Base: 0x7f0000100000, Span: 0x1000, Fixed: true}}
	s := heapSegment(0x1000, 0x7f0000000123, 32, -32, 32, 32) // words at 0x1010, 0x1018; free; 0x1050, 0x1058; 0x1070...
	le.PutUint64(s.Data[0x50:], 0x7f0000100123)               // a library that stays
	le.PutUint64(s.Data[0x58:], 0x7f0000000200)               // free()
	le.PutUint64(s.Data[0x30:], 0)                            // no links to bins
	le.PutUint64(s.Data[0x38:], 0)
	f := &frozen{segs: []frozenSegment{s}}
	r := findRelocations(f, libs, [3]uint64{0x7f0000000200}, map[procmem.Addr]bool{0x1010: true}, dataAt{0x1070: true}, nil, nil)
	if want := []uint64{0x1018, 0x1078}; !slices.Equal(r.words, want) {
		t.Errorf("words %#x, want %#x", r.words, want)
	}
	if want := []uint64{0x1058}; !slices.Equal(r.filters[0], want) {
		t.Errorf("calls of free %#x, want %#x", r.filters[0], want)
	}
}

// What an ELF relocation describes is a pointer, even where an allocator's or a type's word stands against it.
func TestRelocationsOfLinkedWords(t *testing.T) {
	libs := []library{{Name: "lib", Base: 0x7f0000000000, Span: 0x1000}}
	s := heapSegment(0x1000, 0x7f0000000123, 32, 32)
	f := &frozen{segs: []frozenSegment{s}}
	linked := map[procmem.Addr]bool{0x1010: true, 0x1018: true}
	dead := []pyheap.Dead{{Start: 0x1010, End: 0x1040}}
	r := findRelocations(f, libs, [3]uint64{}, nil, dataAt{0x1018: true}, dead, linked)
	if want := []uint64{0x1010, 0x1018}; !slices.Equal(r.words, want) || r.known["ELF relocation"] != 2 {
		t.Errorf("words %#x, want %#x; %v", r.words, want, r.known)
	}
	if err := unalignedLink(f, libs, linked); err != nil {
		t.Error(err)
	}
	le.PutUint64(s.Data[0x14:], 0x7f0000000123)
	if err := unalignedLink(f, libs, map[procmem.Addr]bool{0x1014: true}); err == nil {
		t.Error("an unaligned pointer is not noticed")
	}
}

// A C string over a link of malloc's keeps its text.
func TestRelocationsLeaveTextAlone(t *testing.T) {
	libs := []library{{Base: 0x7f0000000000, Span: 0x10000}}
	s := heapSegment(0x1000, 0, 32, -32, 32, 32, 32)
	word := func(off int, v uint64) { le.PutUint64(s.Data[off:], v) }
	word(0x30, 0x7f0000000c60) // fd and bk of the free chunk: bins
	word(0x38, 0x7f0000000c60)
	copy(s.Data[0x50:], "RIPEMD160\x00\x00\x00\x00\x7f\x00\x00") // ends in a word of which a link shows
	copy(s.Data[0x70:], "9\x00\x00\x00\x00\x7f\x00\x00")         // the block's first word
	word(0x78, 0x7f0000000039)                                   // not after text
	word(0x90, 0x7f0000000c39)                                   // the block's first word, and no NUL
	copy(s.Data[0x98:], "\x01\x00\x00\x00\x00\x7f\x00\x00")      // no text
	r := findRelocations(&frozen{segs: []frozenSegment{s}}, libs, [3]uint64{}, nil, dataAt{}, []pyheap.Dead{{Start: 0x1030, End: 0x1050, Links: 16}}, nil)
	if want := []uint64{0x1078, 0x1090, 0x1098}; !slices.Equal(r.words, want) {
		t.Errorf("words %#x, want %#x", r.words, want)
	}
}

// The end of frozen memory is no pointer into the library that begins there.
func TestRelocationsLeaveEndsAlone(t *testing.T) {
	const lib = 0x7f0000001000
	libs := []library{{Base: lib, Span: 0x1000}}
	s := heapSegment(0x1000, lib, 32)
	r := findRelocations(&frozen{segs: []frozenSegment{s}}, libs, [3]uint64{}, nil, dataAt{}, nil, nil)
	if want := []uint64{0x1010, 0x1018}; !slices.Equal(r.words, want) {
		t.Errorf("nothing lies before the library: words %#x, want %#x", r.words, want)
	}
	arena := heapSegment(lib-32, 0, 32)
	linked := map[procmem.Addr]bool{0x1018: true}
	r = findRelocations(&frozen{segs: []frozenSegment{s, arena}}, libs, [3]uint64{}, nil, dataAt{}, nil, linked)
	if want := []uint64{0x1018}; !slices.Equal(r.words, want) {
		t.Errorf("memory ends where the library begins: words %#x, want %#x", r.words, want)
	}
}
