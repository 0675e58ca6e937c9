package procmem

import "strconv"

// Addr is a virtual address in the target.
type Addr uint64

// String gives the address in hexadecimal, with the prefix 0x.
func (a Addr) String() string {
	return "0x" + strconv.FormatUint(uint64(a), 16)
}

// Range is the half-open range of addresses from Start up to End.
type Range struct {
	Start, End Addr
}

// Len gives the number of bytes in the range; an inverted range has none.
func (r Range) Len() uint64 {
	if r.End < r.Start {
		return 0
	}
	return uint64(r.End - r.Start)
}

// Contains says whether a lies in the range.
func (r Range) Contains(a Addr) bool {
	return r.Start <= a && a < r.End
}

// Overlaps says whether the two ranges share at least one byte.
func (r Range) Overlaps(o Range) bool {
	return r.Start < o.End && o.Start < r.End && r.Len() > 0 && o.Len() > 0
}

// String gives the range as /proc/PID/maps writes it, START-END in hexadecimal.
func (r Range) String() string {
	return strconv.FormatUint(uint64(r.Start), 16) + "-" + strconv.FormatUint(uint64(r.End), 16)
}
