package procmem

import (
	"fmt"
	"os"
)

// pageSize of the target, which runs on this machine.
var pageSize = uint64(os.Getpagesize())

// Bits of a /proc/PID/pagemap entry (Documentation/admin-guide/mm/pagemap.rst).
const (
	pmFile    = 1 << 61 // page belongs to a file or to shared memory
	pmSwapped = 1 << 62
	pmPresent = 1 << 63
)

// pagemap tells which pages of a process hold something of its own.
type pagemap struct {
	f *os.File
}

func openPagemap(pid int) (*pagemap, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		return nil, procError(pid, err)
	}
	return &pagemap{f}, nil
}

func (pm *pagemap) Close() error { return pm.f.Close() }

// entries calls fn for every page of r, in order, until it returns false.
func (pm *pagemap) entries(r Range, fn func(page Addr, entry uint64) bool) error {
	const chunk = 4096 // pages
	buf := make([]byte, 8*min(chunk, r.Len()/pageSize))
	for at := r.Start; at < r.End; {
		n := min(chunk, uint64(r.End-at)/pageSize)
		if n == 0 {
			return nil
		}
		p := buf[:8*n]
		if _, err := pm.f.ReadAt(p, int64(uint64(at)/pageSize*8)); err != nil {
			return err
		}
		for ; len(p) > 0; p = p[8:] {
			if !fn(at, order.Uint64(p)) {
				return nil
			}
			at += Addr(pageSize)
		}
	}
	return nil
}

// populated gives the runs of pages in r that exist. In private anonymous
// memory all others read as zero: so a thread's untouched stack, or a big
// reservation, costs neither time nor memory.
func (pm *pagemap) populated(r Range) ([]Range, error) {
	var runs []Range
	err := pm.entries(r, func(page Addr, entry uint64) bool {
		if entry&(pmPresent|pmSwapped) == 0 {
			return true
		}
		end := page + Addr(pageSize)
		if n := len(runs); n > 0 && runs[n-1].End == page {
			runs[n-1].End = end
		} else {
			runs = append(runs, Range{page, end})
		}
		return true
	})
	return runs, err
}

// modified says whether a private file mapping has pages that differ from the
// file: ld.so relocates .data.rel.ro and the GOT before it makes them
// read-only, so a mapping that cannot be written may still have been.
func (pm *pagemap) modified(r Range) (bool, error) {
	found := false
	err := pm.entries(r, func(_ Addr, entry uint64) bool {
		found = entry&pmSwapped != 0 || entry&(pmPresent|pmFile) == pmPresent
		return !found
	})
	return found, err
}
