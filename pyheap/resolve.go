package pyheap

import (
	"strings"

	"pyfreeze/symbols"
)

// absent is the offset of a field that this version of CPython does not have.
const absent = ^uint64(0)

// resolver looks up many offsets and remembers all that are missing, so that one error names them.
type resolver struct {
	lay     *symbols.Layout
	missing []string
}

// opt gives the offset of the first of the alternatives ("PyTypeObject.tp_name") that exists, or
// absent. Alternatives are how CPython's renames between versions are followed.
func (r *resolver) opt(alternatives ...string) uint64 {
	for _, a := range alternatives {
		typ, path, _ := strings.Cut(a, ".")
		if f, err := r.lay.Field(typ, path); err == nil {
			return f.Offset
		}
	}
	return absent
}

// must is opt for a field that every supported version has under one of the names.
func (r *resolver) must(alternatives ...string) uint64 {
	off := r.opt(alternatives...)
	if off == absent {
		r.missing = append(r.missing, strings.Join(alternatives, " or "))
		return 0
	}
	return off
}

// size gives the size of the first of the structs that exists.
func (r *resolver) size(alternatives ...string) uint64 {
	for _, a := range alternatives {
		if s, err := r.lay.Struct(a); err == nil {
			return s.Size
		}
	}
	r.missing = append(r.missing, strings.Join(alternatives, " or "))
	return 0
}

// optSize is size for a struct that not every version has; 0 where it does not exist.
func (r *resolver) optSize(name string) uint64 {
	s, err := r.lay.Struct(name)
	if err != nil {
		return 0
	}
	return s.Size
}

func (r *resolver) err() error {
	if len(r.missing) == 0 {
		return nil
	}
	return &LayoutError{Missing: r.missing}
}

// bitField is where a C bit-field lies: in the little-endian unit of size bytes at off.
type bitField struct {
	off, size uint64
	shift     uint
	mask      uint64
}

// bits finds a bit-field that every version has.
func (r *resolver) bits(typ, path string) bitField {
	f, err := r.lay.Field(typ, path)
	if err != nil || f.BitSize <= 0 || f.BitSize > 32 || f.Size > 8 || f.BitOffset < 0 || f.BitOffset > 63 {
		// 3.14 made some of them plain bytes.
		if err == nil && f.BitSize == 0 && (f.Size == 1 || f.Size == 2 || f.Size == 4) {
			return bitField{off: f.Offset, size: f.Size, mask: 1<<(8*f.Size) - 1}
		}
		r.missing = append(r.missing, typ+"."+path)
		return bitField{}
	}
	return bitField{off: f.Offset, size: f.Size, shift: uint(f.BitOffset), mask: 1<<f.BitSize - 1}
}

// get reads the bit-field from the bytes of its object; 0 where they are too short.
func (b bitField) get(obj []byte) uint64 {
	if b.off+b.size > uint64(len(obj)) {
		return 0
	}
	var v uint64
	for i := uint64(0); i < b.size; i++ {
		v |= uint64(obj[b.off+i]) << (8 * i)
	}
	return v >> b.shift & b.mask
}
