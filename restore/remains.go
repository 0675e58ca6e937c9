package restore

import "pyfreeze/procmem"

// remains tells whether the word at off, which looks like a pointer into a library that moves, is the end of a C string over what an earlier owner of the
// memory left there. malloc's free chunks hold pointers into libc in their first two words: a string of nine bytes and its NUL in such a block leaves six bytes
// of the second, and with any two below them that still is an address of libc's. To relocate it would change the string.
//
// So it is taken for text where the low bytes are text up to a NUL, and either the word before is all text, or the word is the first of a malloc block
// and the rest of it that of a pointer to malloc's bins. A pointer has such low bytes and such a neighbour hardly ever.
func remains(s *frozenSegment, off uint64, bins procmem.Range) bool {
	text := 0
	for text < 6 && isText(s.Data[off+uint64(text)]) {
		text++
	}
	if text == 0 || text == 6 || s.Data[off+uint64(text)] != 0 {
		return false
	}
	if off < 8 {
		return false
	}
	before := s.Data[off-8 : off]
	all := true
	for _, c := range before {
		all = all && isText(c)
	}
	if all {
		return true
	}
	over := uint64(1)<<(8*(text+1)) - 1 // what the string and its NUL overwrote
	v := le.Uint64(s.Data[off:])
	return v|over >= uint64(bins.Start) && v&^over < uint64(bins.End) && startsBlock(s, off)
}

// isText says whether a byte is of a printable ASCII character.
func isText(c byte) bool { return c >= 0x20 && c < 0x7f }

// startsBlock says whether off is where a block of malloc's begins that is in use: the headers of its chunk and of the next fit.
func startsBlock(s *frozenSegment, off uint64) bool {
	const flags, prevInUse, minChunk, align = 7, 1, 32, 16
	if (uint64(s.Start)+off)%align != 0 {
		return false
	}
	size := le.Uint64(s.Data[off-8:]) &^ flags
	if size < minChunk || size%align != 0 || size > uint64(len(s.Data)) || off-8+size+8 > uint64(len(s.Data)) {
		return false
	}
	next := le.Uint64(s.Data[off-8+size:])
	return next&prevInUse != 0 && next&^flags >= align && next&^flags%align == 0
}
