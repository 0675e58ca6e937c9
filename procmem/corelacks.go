package procmem

import (
	"fmt"
	"strings"
)

// Lacking says what memory a core file has not, though the process had it.
type Lacking struct {
	// Cut says that the file ends before its contents do: the disk was full, or a limit was
	// reached.
	Cut bool
	// CutBytes and CutSegments are what is missing for that reason.
	CutBytes    uint64
	CutSegments int
	// LeftOutBytes is private memory that was not dumped (coredump_filter, MADV_DONTDUMP).
	LeftOutBytes uint64

	dumped uint64 // private anonymous memory that was
}

// add notes a segment that should have had fsize bytes in the file, and has got.
func (k *Lacking) add(m *Mapping, fsize, got uint64) {
	if got < fsize {
		k.Cut = true
		k.CutBytes += fsize - got
		k.CutSegments++
	}
	if m.Write && m.Path == "" {
		k.dumped += fsize
		if fsize == 0 {
			k.LeftOutBytes += m.Len()
		}
	}
}

// leftOut says that no private memory at all was dumped.
func (k *Lacking) leftOut() bool { return k.LeftOutBytes > 0 && k.dumped == 0 }

// String says in words what is missing and what can be done; "" when nothing is.
func (k *Lacking) String() string {
	var s []string
	if k.leftOut() {
		s = append(s, fmt.Sprintf("the memory of the process (%d KiB) was left out of it: coredump_filter of core(5) lacks bit 0, "+
			"set it to 0x33 (/proc/PID/coredump_filter, inherited by children) before the next core is written", k.LeftOutBytes>>10))
	}
	switch {
	case k.Cut && k.CutBytes > 0:
		s = append(s, fmt.Sprintf("the file is cut short: %d KiB of memory in %d segments are missing "+
			"(a full disk, or a limit: ulimit -c, ProcessSizeMax of coredump.conf)", (k.CutBytes+1023)>>10, k.CutSegments))
	case k.Cut:
		s = append(s, "the file is cut short")
	}
	return strings.Join(s, "; ")
}

// upTo gives the bytes of the file from off on, n or as many as there are; whole says that there
// are n.
func (l *coreLoader) upTo(off, n uint64) (b []byte, whole bool) {
	size := uint64(len(l.data))
	if off > size {
		return nil, n == 0
	}
	got := min(n, size-off)
	return l.data[off : off+got : off+got], got == n
}
