package symbols

import "debug/elf"

// machine is the only ELF machine whose relocations and pointers this build
// understands; ptrSize is its pointer size in bytes.
const (
	machine = elf.EM_X86_64
	ptrSize = 8
)
