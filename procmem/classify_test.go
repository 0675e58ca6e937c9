package procmem

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One mapping holds the end of a library's .bss and a piece of the heap: the kernel merges neighbours.
func TestClassify(t *testing.T) {
	rw := func(lo, hi Addr, path string) Mapping {
		return Mapping{Range: Range{lo, hi}, Read: true, Write: true, Path: path}
	}
	maps := []Mapping{
		{Range: Range{0x1000, 0x2000}, Read: true, Exec: true, Path: "/lib/a.so"},
		rw(0x2000, 0x3000, "/lib/a.so"),
		rw(0x3000, 0x6000, ""),
		rw(0x7000, 0x8000, "/lib/libc.so.6"),
		{Range: Range{0x8000, 0x9000}},
		{Range: Range{0x9000, 0xa000}, Read: true, Write: true, Shared: true, Path: "/dev/shm/x"},
		{Range: Range{0xa000, 0xb000}, Read: true, Path: "/usr/lib/locale/C.utf8/LC_CTYPE"},
		rw(0xb000, 0xc000, "[stack]"),
		{Range: Range{0xc000, 0xd000}, Read: true, Exec: true, Path: "[vdso]"},
		{Range: Range{0xd000, 0xe000}, Read: true, Write: true, Exec: true},
	}
	owners := []Owner{
		{Range: Range{0x7000, 0x8000}, System: true},
		{Range: Range{0x1000, 0x4000}, Saved: []Range{{0x2100, 0x2f00}, {0x2f80, 0x3800}}},
	}
	type row struct {
		Range
		Class Class
		Owner int
	}
	var got []row
	for _, r := range Classify(maps, owners) {
		got = append(got, row{r.Range, r.Class, r.Owner})
	}
	want := []row{
		{Range{0x1000, 0x2000}, ClassIdentity, 1},
		{Range{0x2000, 0x2100}, ClassFresh, 1},
		{Range{0x2100, 0x2f00}, ClassSaved, 1},
		{Range{0x2f00, 0x2f80}, ClassFresh, 1},
		{Range{0x2f80, 0x3000}, ClassSaved, 1},
		{Range{0x3000, 0x3800}, ClassSaved, 1},
		{Range{0x3800, 0x4000}, ClassFresh, 1},
		{Range{0x4000, 0x6000}, ClassFrozen, -1},
		{Range{0x7000, 0x8000}, ClassFresh, 0},
		{Range{0x8000, 0x9000}, ClassVoid, -1},
		{Range{0x9000, 0xa000}, ClassRefused, -1},
		{Range{0xa000, 0xb000}, ClassFresh, -1},
		{Range{0xb000, 0xc000}, ClassStack, -1},
		{Range{0xc000, 0xd000}, ClassKernel, -1},
		{Range{0xd000, 0xe000}, ClassFrozen, -1},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
