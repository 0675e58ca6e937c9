package snapshot

import (
	"slices"

	"pyfreeze/procmem"
)

// subscripts are the numbers of instructions that take or set an item by an index on the stack,
// and of those that push a constant, with what they were specialised to (Include/opcode.h; from
// 3.13 on Include/opcode_ids.h).
type subscripts struct {
	items, constants []byte
	small            byte // LOAD_SMALL_INT, of 3.14 (gh-118423); 0: none
	binary           byte // BINARY_OP, of which NB_SUBSCR takes an item since 3.14 (gh-100239)
	// joins stand before a constant that is one value of several (POP_TOP, JUMP_FORWARD and
	// JUMP_ABSOLUTE, JUMP_IF_FALSE_OR_POP and JUMP_IF_TRUE_OR_POP), or has a number above 255
	// (EXTENDED_ARG).
	joins []byte
}

// nbSubscr is what BINARY_OP does to take an item (Include/opcode.h of 3.14, 3.15).
const nbSubscr = 26

// opcodes are by minor version.
var opcodes = map[int64]subscripts{
	8: {items: []byte{25, 60}, constants: []byte{100},
		joins: []byte{1, 110, 113, 111, 112, 144}},
	9: {items: []byte{25, 60}, constants: []byte{100},
		joins: []byte{1, 110, 113, 111, 112, 144}},
	10: {items: []byte{25, 60}, constants: []byte{100},
		joins: []byte{1, 110, 113, 111, 112, 144}},
	11: {items: []byte{25, 60, 17, 18, 19, 20, 21, 168, 169, 170}, constants: []byte{100, 44},
		joins: []byte{1, 110, 111, 112, 144}},
	12: {items: []byte{25, 60, 19, 20, 21, 22, 159, 160}, constants: []byte{100, 84},
		joins: []byte{1, 110, 144}},
	13: {items: []byte{5, 39, 157, 158, 159, 160, 161, 212, 213}, constants: []byte{83},
		joins: []byte{32, 79, 71}},
	14: {items: []byte{38, 135, 136, 137, 139, 140, 201, 202}, constants: []byte{82, 190, 191},
		small: 94, binary: 44,
		joins: []byte{31, 77, 69}},
	15: {items: []byte{36, 135, 136, 137, 139, 140, 141, 208, 209}, constants: []byte{81},
		small: 93, binary: 42,
		joins: []byte{29, 76, 67}},
}

// firstItem says whether a frame takes or sets item 0 of something.
func (s *stackReader) firstItem(f pyFrame) bool {
	ops, ok := opcodes[s.minor]
	const unit = 2 // bytes of an instruction: opcode and argument
	if !ok || f.at < 2*unit {
		return false
	}
	before := s.units(f.code, f.at-2*unit, 3*unit)
	if before == nil || slices.Contains(ops.joins, before[0]) {
		return false // the index may be another: argv[1 if debug else 0]
	}
	b := before[unit:]
	if !slices.Contains(ops.items, b[unit]) &&
		!(ops.binary != 0 && b[unit] == ops.binary && b[unit+1] == nbSubscr) {
		return false
	}
	if ops.small != 0 && b[0] == ops.small {
		return b[1] == 0
	}
	return slices.Contains(ops.constants, b[0]) && s.zero(f.code, int(b[1]))
}

// zero says whether constant n of a code object is the int 0.
func (s *stackReader) zero(code procmem.Addr, n int) bool {
	tuple := s.word(code, s.code.consts)
	v := s.word(tuple, s.code.item+8*uint64(n))
	if v == 0 || s.word(v, s.code.typ) != s.ints {
		return false
	}
	// Until 3.11 the size is 0; since 3.12 the tag has no digits (gh-101291): bits 3 and more.
	size := s.word(v, s.code.size)
	if s.minor >= 12 {
		return size>>3 == 0
	}
	return size == 0
}

// inlined are the instructions by which Python calls Python without C between, where a frame
// remembers the last of their caches, and not where they begin: numbers and how many caches
// (Include/opcode.h, Include/internal/pycore_opcode.h of 3.11 and 3.12).
var inlined = map[int64]struct {
	calls  []byte
	caches int64
}{
	11: {[]byte{171, 22, 23, 24}, 4},
	12: {[]byte{171, 23, 24, 28}, 3},
}

// callStart returns where the call begins of which at is the last cache; false where it is none.
func (s *stackReader) callStart(code procmem.Addr, at int64) (int64, bool) {
	call, ok := inlined[s.minor]
	const unit = 2
	start := at - unit*call.caches
	if !ok || start < 0 {
		return 0, false
	}
	b := s.units(code, start, unit)
	return start, b != nil && slices.Contains(call.calls, b[0])
}
