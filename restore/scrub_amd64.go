package restore

import "slices"

// Layout of an XSAVE area (Intel SDM vol. 1, 13.4): the registers of the FPU, then those of SSE, then a part that the
// kernel uses, then a header, then all newer registers.
const (
	xsaveFPU      = 32
	xsaveSSEEnd   = 416
	xsaveExtended = 576
)

// withoutVectors gives an XSAVE area with all data registers zero. No thread of the target waits in code that still
// needs them, since calls do not preserve them; but copies of strings leave their last bytes there.
func withoutVectors(xstate []byte) []byte {
	out := slices.Clone(xstate)
	if len(out) >= xsaveSSEEnd {
		clear(out[xsaveFPU:xsaveSSEEnd])
	}
	if len(out) > xsaveExtended {
		clear(out[xsaveExtended:])
	}
	return out
}
