package thaw

import (
	"encoding/binary"
	"hash/crc32"
	"os"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/stub"
)

const atSysinfoEhdr = 33 // getauxval(3)

// checkKernel tells whether the vDSO of this kernel is the frozen one, as keep_vdso() in
// stub/src/thaw.c does: a builder that did not would never make an image anew after a kernel's
// update. A process without a vDSO, or whose own cannot be read, does not fit. Errors:
// *guard.UnfitError.
func checkKernel(h *stub.Head) error {
	if h.NVDSO == 0 {
		return nil
	}
	other := &guard.UnfitError{Reason: "it is of another kernel"}
	length := h.VDSO[min(int(h.NVDSO), len(h.VDSO))-1][1] // its text comes last
	if length > 1<<20 {
		return other
	}
	text := make([]byte, length)
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return other
	}
	defer mem.Close()
	if _, err := mem.ReadAt(text, int64(vdso())); err != nil {
		return other
	}
	if crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)) != h.VDSOSum {
		return other
	}
	return nil
}

// vdso returns where this process has its vDSO; 0: nowhere.
func vdso() uint64 {
	aux, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return 0
	}
	for ; len(aux) >= 16; aux = aux[16:] {
		if binary.LittleEndian.Uint64(aux) == atSysinfoEhdr {
			return binary.LittleEndian.Uint64(aux[8:])
		}
	}
	return 0
}
