package image

import (
	"debug/elf"
	"encoding/binary"
	"hash/crc32"
	"sync"
)

// Version is the version of the format that this package writes, and the only
// one that it reads.
const Version = 2

// Limits. Write keeps them, so that whatever it writes can be opened.
const (
	// MaxHead is the largest head, in bytes: all that Open may have to read.
	MaxHead = 64 << 20
	// MaxTable is the largest Extra table, in bytes.
	MaxTable = 1 << 30
	// MaxTableType is the largest type of an Extra table.
	MaxTableType = 0xffff

	maxFile  = 1 << 46      // bytes; keeps sums of offsets far from overflow
	maxProgs = 0xfffe       // e_phnum 0xffff means "look elsewhere" (PN_XNUM)
	maxLoads = maxProgs - 3 // two or three PT_NOTE come with them
	maxStd   = 1 << 30      // bytes of standard notes
	maxNames = maxStd / 2   // bytes of paths in NT_FILE
)

// Sizes and places of the fixed part of the head. See docs/image-format.md.
const (
	pageSize   = 4096
	ehdrSize   = 64
	phdrSize   = 56
	noteHdr    = 12                                  // n_namesz, n_descsz, n_type
	nameSize   = 12                                  // "pyfreeze\0" padded to 4
	noteFixed  = noteHdr + nameSize                  // what precedes the desc of our notes
	headerDesc = ehdrSize + noteFixed                // 88: desc of the header note
	headerSize = 32                                  // its length
	sumOff     = headerDesc + 4                      // the head's checksum, itself not summed
	programOff = headerDesc + headerSize + noteFixed // 144: desc of the program note, 16-aligned
	sumEntry   = 8                                   // bytes a segment in noteSegments
	tableEntry = 24                                  // bytes a table in noteTables
)

// Note types of the owner "pyfreeze". BFD looks at the type before the owner,
// so they keep clear of the numbers of the standard notes.
const (
	noteHeader   = 0x50460001
	noteProgram  = 0x50460002
	noteGuards   = 0x50460004 // 3 was that of metadata, in version 1
	noteSegments = 0x50460005
	noteTables   = 0x50460006
	noteTable    = 0x50470000 // plus the caller's type
)

// owner is the name of our notes, with its padding.
const owner = "pyfreeze\x00\x00\x00\x00"

// inspectOnly is the flag of a segment in noteSegments.
const inspectOnly = 1

var le = binary.LittleEndian

// castagnoli is the polynomial's table. Making it takes 0.2 ms, which every start of the program would
// pay for.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// headSum is the checksum of a head: of all its bytes but the checksum.
func headSum(head []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:sumOff], castagnoli()), castagnoli(), head[sumOff+4:])
}

func pageUp(n uint64) uint64   { return (n + pageSize - 1) &^ (pageSize - 1) }
func pageDown(n uint64) uint64 { return n &^ (pageSize - 1) }
func align4(n uint64) uint64   { return (n + 3) &^ 3 }
func align8(n uint64) uint64   { return (n + 7) &^ 7 }

// noteSpace is the room that one of our notes with n bytes of desc takes.
func noteSpace(n uint64) uint64 { return noteFixed + align4(n) }

// appendNote appends a note; name comes with its terminating NUL, unpadded.
func appendNote(b []byte, name string, typ uint32, desc []byte) []byte {
	b = le.AppendUint32(b, uint32(len(name)))
	b = le.AppendUint32(b, uint32(len(desc)))
	b = le.AppendUint32(b, typ)
	b = pad4(append(b, name...))
	return pad4(append(b, desc...))
}

// appendOwn appends one of our notes.
func appendOwn(b []byte, typ uint32, desc []byte) []byte {
	return appendNote(b, owner[:9], typ, desc)
}

func pad4(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// prog is a program header.
type prog struct {
	typ                      elf.ProgType
	flags                    elf.ProgFlag
	off, addr, filesz, memsz uint64
	align                    uint64
}

func (p prog) append(b []byte) []byte {
	b = le.AppendUint32(b, uint32(p.typ))
	b = le.AppendUint32(b, uint32(p.flags))
	for _, v := range [...]uint64{p.off, p.addr, 0, p.filesz, p.memsz, p.align} {
		b = le.AppendUint64(b, v)
	}
	return b
}

// readProg decodes the first phdrSize bytes of b.
func readProg(b []byte) prog {
	_ = b[phdrSize-1]
	return prog{
		typ: elf.ProgType(le.Uint32(b)), flags: elf.ProgFlag(le.Uint32(b[4:])),
		off: le.Uint64(b[8:]), addr: le.Uint64(b[16:]),
		filesz: le.Uint64(b[32:]), memsz: le.Uint64(b[40:]), align: le.Uint64(b[48:]),
	}
}
