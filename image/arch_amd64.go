package image

import "debug/elf"

const (
	machine = elf.EM_X86_64
	// addrLimit is the end of what a process can ever map (57-bit addresses,
	// the upper half is the kernel's).
	addrLimit = 1 << 56
)
