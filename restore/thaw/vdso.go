package thaw

import (
	"os"

	"golang.org/x/sys/unix"

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
	if stub.Checksum(text) != h.VDSOSum {
		return other
	}
	return nil
}

// vdso returns where this process has its vDSO; 0: nowhere.
func vdso() uintptr {
	aux, err := unix.Auxv()
	if err != nil {
		return 0
	}
	for _, pair := range aux {
		if pair[0] == atSysinfoEhdr {
			return pair[1]
		}
	}
	return 0
}
