package guard

// cpuid executes CPUID.
func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

// CPU returns the feature words that the IFUNCs of glibc and libcrypto choose by, of which frozen memory holds the choices, and the
// kinds of registers that XSAVE has, which frozen threads come back with. (EBX of leaf 1 has the number of the core, which may
// differ from run to run.) same_cpu() of stub/src/guards.c.
func CPU() [3]uint64 {
	_, _, c1, d1 := cpuid(1, 0)
	_, b7, c7, _ := cpuid(7, 0)
	xsave, _, _, _ := cpuid(13, 0)
	return [3]uint64{uint64(c1)<<32 | uint64(d1), uint64(b7)<<32 | uint64(c7), uint64(xsave)}
}

// amx are the kinds of registers that a process must ask for (Intel SDM volume 1, 13.1: XTILECFG, XTILEDATA). No frozen thread has them.
const amx = 1<<17 | 1<<18

// XSave returns the kinds of registers that a frozen thread comes back with, as bits of XCR0, and the length in bytes of an XSAVE area of
// the standard format that has room for them.
func XSave() (features, size uint64) {
	const legacy = 512 + 64
	lo, _, _, hi := cpuid(13, 0)
	features, size = (uint64(hi)<<32|uint64(lo))&^amx, legacy
	for i := uint32(2); i < 63; i++ {
		if features>>i&1 != 0 {
			length, offset, _, _ := cpuid(13, i)
			size = max(size, uint64(offset)+uint64(length))
		}
	}
	return features, size
}

// ForgetVectors clears the data registers in an XSAVE area of the standard format (Intel SDM volume 1, 13.4), but for the rights to memory
// (PKRU). No code needs them over a system call, since calls do not preserve them; but copies of strings leave their last bytes there.
func ForgetVectors(area []byte) {
	const fpu, sseEnd, header, extended, pkru = 32, 416, 512, 576, 9
	if len(area) < extended {
		return
	}
	clear(area[fpu:sseEnd])
	has := le.Uint64(area[header:])
	length, offset, _, _ := cpuid(13, pkru)
	var rights [8]byte
	kept := has>>pkru&1 != 0 && length == 8 && offset >= extended && uint64(offset)+8 <= uint64(len(area))
	if kept {
		copy(rights[:], area[offset:])
	}
	clear(area[extended:])
	if kept {
		copy(area[offset:], rights[:])
	}
}
