package restore

import (
	"fmt"

	"golang.org/x/sys/cpu"
)

// cpuFeatures sums up what glibc's and libcrypto's IFUNCs choose by. Frozen
// memory holds their choices.
func cpuFeatures() string {
	x := cpu.X86
	var bits uint64
	for i, b := range []bool{x.HasAES, x.HasADX, x.HasAVX, x.HasAVX2, x.HasAVX512, x.HasAVX512F, x.HasAVX512BW, x.HasAVX512VL,
		x.HasAVX512VBMI, x.HasAVX512VBMI2, x.HasBMI1, x.HasBMI2, x.HasERMS, x.HasFMA, x.HasOSXSAVE, x.HasPCLMULQDQ, x.HasPOPCNT,
		x.HasRDRAND, x.HasRDSEED, x.HasSSE3, x.HasSSSE3, x.HasSSE41, x.HasSSE42} {
		if b {
			bits |= 1 << i
		}
	}
	return fmt.Sprintf("amd64-%x", bits)
}
