package thaw

import (
	"errors"
	"hash/crc32"
	"os"
	"testing"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/stub"
)

// The vDSO of this kernel fits; with another byte, or of another length, it does not.
func TestKernel(t *testing.T) {
	text := make([]byte, 4096)
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	if _, err := mem.ReadAt(text, int64(vdso())); err != nil {
		t.Fatal(err)
	}
	sum := func() uint32 { return crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)) }
	head := func(length uint64, sum uint32) *stub.Head {
		h := &stub.Head{NVDSO: 2, VDSOSum: sum}
		h.VDSO[1][1] = length
		return h
	}
	if err := checkKernel(head(4096, sum())); err != nil {
		t.Error(err)
	}
	if err := checkKernel(&stub.Head{}); err != nil {
		t.Errorf("an image without a vDSO: %v", err)
	}
	good := sum()
	text[4000] ^= 1
	for _, h := range []*stub.Head{
		head(4096, sum()), head(8, good), head(1<<40, good), head(1<<63, good),
	} {
		var unfit *guard.UnfitError
		if err := checkKernel(h); !errors.As(err, &unfit) {
			t.Errorf("%d bytes, sum %x: got %v", h.VDSO[1][1], h.VDSOSum, err)
		}
	}
}
