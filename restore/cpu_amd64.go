package restore

// cpuid executes CPUID with ECX 0.
func cpuid(leaf uint32) (eax, ebx, ecx, edx uint32)

// cpuFeatures are the feature words that the IFUNCs of glibc and libcrypto choose
// by: frozen memory holds their choices. (EBX of leaf 1 has the number of the
// core, which may differ from run to run.)
func cpuFeatures() [2]uint64 {
	_, _, c1, d1 := cpuid(1)
	_, b7, c7, _ := cpuid(7)
	return [2]uint64{uint64(c1)<<32 | uint64(d1), uint64(b7)<<32 | uint64(c7)}
}
