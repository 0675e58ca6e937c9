package pyheap

import (
	"encoding/binary"
	"slices"
	"testing"
	"testing/quick"
)

// wordsOf reads two words at an offset of some bytes, as MappedChunks asks for them.
func wordsOf(b []byte) func(off uint64) [2]uint64 {
	return func(off uint64) [2]uint64 { return [2]uint64{le64(b, off), le64(b, off+8)} }
}

// TestMappedChunks: blocks that malloc has mapped are as long as malloc says; the same number is
// not found where anything else lies between them.
func TestMappedChunks(t *testing.T) {
	var want [][2]uint64 // where a block is, and malloc_usable_size of it
	tg := toldBy(t, python311, `
import ctypes
libc = ctypes.CDLL(None)
libc.malloc_usable_size.restype, libc.malloc_usable_size.argtypes = ctypes.c_size_t, [ctypes.c_void_p]
kept = [bytearray(n) for n in (5_000_000, 300_000, 1 << 20, 40_000_000)]
at = [ctypes.addressof(ctypes.c_char.from_buffer(b)) for b in kept]
tell(lambda: [[a, libc.malloc_usable_size(a)] for a in at])
`, &want)
	for _, w := range want {
		n := w[1] + 16 // with its header
		b, ok := tg.heap.view.bytes(w[0]-16, n)
		if got := MappedChunks(n, wordsOf(b)); !ok || !slices.Equal(got, []uint64{n}) {
			t.Errorf("a block of %d bytes is read as %d (%t)", n, got, ok)
		}
		if got := MappedChunks(n-4096, wordsOf(b)); got != nil {
			t.Errorf("a block that is cut short is read as %d", got)
		}
	}
	made := func(pages []uint8, damage uint16) bool {
		var b []byte
		var lengths []uint64
		for _, p := range pages[:min(len(pages), 12)] {
			n := (uint64(p%8) + 1) * 4096
			block := make([]byte, n)
			binary.LittleEndian.PutUint64(block[8:], n|chunkMmapped)
			b, lengths = append(b, block...), append(lengths, n)
		}
		if !slices.Equal(MappedChunks(uint64(len(b)), wordsOf(b)), lengths) {
			return false
		}
		if len(lengths) == 0 {
			return true
		}
		start := uint64(0) // of the block whose length is damaged
		for _, n := range lengths[:int(damage)%len(lengths)] {
			start += n
		}
		b[start+8] ^= chunkMmapped
		if MappedChunks(uint64(len(b)), wordsOf(b)) != nil {
			return false
		}
		b[start+8] ^= chunkMmapped
		binary.LittleEndian.PutUint64(b[start+8:], ^uint64(0)&^4095|chunkMmapped) // longer than all there is
		return MappedChunks(uint64(len(b)), wordsOf(b)) == nil
	}
	if err := quick.Check(made, nil); err != nil {
		t.Error(err)
	}
}
