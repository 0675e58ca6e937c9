package symbols

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"io"
)

const (
	noteGNUBuildID = 3       // NT_GNU_BUILD_ID
	maxNotes       = 1 << 20 // bytes of notes looked at
)

// readBuildID looks in note sections first: the program headers of a detached
// .debug file describe bytes that it does not have.
func (f *File) readBuildID() string {
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOTE || s.Size > maxNotes {
			continue
		}
		if b, err := f.SectionData(s); err == nil {
			if id := buildIDFromNotes(b); id != "" {
				return id
			}
		}
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > maxNotes {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := io.ReadFull(p.Open(), b); err == nil {
			if id := buildIDFromNotes(b); id != "" {
				return id
			}
		}
	}
	return ""
}

// buildIDFromNotes returns the build-id in hex that a block of ELF notes holds, or "".
func buildIDFromNotes(b []byte) string {
	for len(b) >= 12 {
		namesz := uint64(binary.LittleEndian.Uint32(b))
		descsz := uint64(binary.LittleEndian.Uint32(b[4:]))
		typ := binary.LittleEndian.Uint32(b[8:])
		b = b[12:]
		name, rest := namesz, (namesz+3)&^3
		if rest > uint64(len(b)) {
			return ""
		}
		owner := string(b[:name])
		b = b[rest:]
		if descsz > uint64(len(b)) {
			return ""
		}
		if typ == noteGNUBuildID && owner == "GNU\x00" && descsz >= 4 && descsz <= 64 {
			return hex.EncodeToString(b[:descsz])
		}
		b = b[min((descsz+3)&^3, uint64(len(b))):]
	}
	return ""
}
