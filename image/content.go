package image

import (
	"debug/elf"

	"golang.org/x/sys/unix"
)

// Content is everything that Write puts into an image. Write changes none of
// it and keeps no reference to it.
type Content struct {
	// Pid is the process id of the frozen process.
	Pid int
	// Comm is the command name (cut to 15 bytes in the core note).
	Comm string
	// Args is the command line, words separated by blanks (cut to 79 bytes).
	Args string
	// Threads holds the threads, the main one first.
	Threads []Thread
	// Auxv is the raw /proc/PID/auxv.
	Auxv []byte
	// Files lists the file mappings of the frozen process, for NT_FILE.
	Files []FileMapping
	// Segments is the memory, in any order; segments must not overlap.
	Segments []Segment
	// Program is the thaw program that the stub interprets.
	Program []byte
	// Guards is what a thaw checks before it uses the image.
	Guards []byte
	// Extra holds the big tables, which Open does not read. Types are unique.
	Extra []Note
}

// Thread is one thread of the frozen process, as the core notes show it.
type Thread struct {
	// Tid is the kernel's thread id.
	Tid int
	// Regs are the general registers at the freeze.
	Regs unix.PtraceRegs
	// XState is the XSAVE area (PTRACE_GETREGSET NT_X86_XSTATE); may be nil.
	XState []byte
	// SigMask is the set of blocked signals, bit n-1 for signal n.
	SigMask uint64
}

// FileMapping is one mapping of a file, one line of NT_FILE.
type FileMapping struct {
	// Start and End are the half-open range of addresses.
	Start, End uint64
	// PageOff is the offset in the file, in pages of 4096 bytes.
	PageOff uint64
	// Path is the file's path.
	Path string
}

// Segment is one run of memory to be written.
type Segment struct {
	// Addr is the virtual address of Data[0]. A segment that a thaw maps
	// should begin at a page; any other address is kept exactly, too.
	Addr uint64
	// Data is what the memory holds. All-zero pages become holes of the file.
	Data []byte
	// MemSize is the length in memory, in bytes, at least len(Data); what
	// follows Data is zero. 0 stands for len(Data).
	MemSize uint64
	// Flags are the rights: PF_R, PF_W, PF_X.
	Flags elf.ProgFlag
	// InspectOnly marks memory that no thaw maps (the vDSO).
	InspectOnly bool
	// Source fills in Data where and when it is asked to; nil: all of it is there.
	Source Source
}

// Source is where the data of a segment comes from, piece by piece, for memory that is not to be
// held as a whole.
type Source interface {
	// Have makes n bytes of Data, from an offset on, what the memory holds.
	Have(off, n uint64) error
	// Done says that these are not needed any more.
	Done(off, n uint64)
}

// Note is a big table of the caller's.
type Note struct {
	// Type is the caller's number for the table, at most MaxTableType.
	Type uint32
	// Data is the table.
	Data []byte
}

// SegmentInfo says where a segment lies, in memory and in the file.
type SegmentInfo struct {
	// Addr is the virtual address of the first byte.
	Addr uint64
	// FileSize is the number of bytes held in the file.
	FileSize uint64
	// MemSize is the length in memory; bytes past FileSize are zero.
	MemSize uint64
	// FileOff is the offset in the file of the byte at Addr. FileOff and Addr
	// are equal modulo the page size, and the pages that the segment touches
	// in the file belong to it alone and are zero outside it: whole pages can
	// be mapped.
	FileOff uint64
	// Flags are the rights: PF_R, PF_W, PF_X.
	Flags elf.ProgFlag
	// InspectOnly is set for memory that a thaw must not map.
	InspectOnly bool
}
