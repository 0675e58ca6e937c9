package symbols

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"pyfreeze/procmem"
)

// File is a parsed ELF file on disk. It keeps the file open until Close.
// All methods but Close may be called from several goroutines.
type File struct {
	Path    string
	Type    elf.Type
	Machine elf.Machine
	Entry   procmem.Addr // link-time entry point
	Interp  string       // PT_INTERP, "" when static or a plain library
	Size    int64        // bytes on disk
	Mtime   time.Time
	Dev     uint64 // st_dev, as unix.Major/unix.Minor take it
	Inode   uint64

	Sections []*elf.Section
	Progs    []*elf.Prog

	f       *os.File
	elf     *elf.File
	buildID string

	dynOnce sync.Once
	dynErr  error
	dynSyms []elf.Symbol     // without the null symbol, as debug/elf gives them
	dynIdx  map[string]int32 // defined symbols: index of the default version
}

// maxSection bounds the bytes of one section that are read into memory; the
// DWARF of the largest interpreters stays far below it.
const maxSection = 1 << 30

// Open opens and parses the ELF file at path. Anything but a 64-bit
// little-endian x86-64 ELF file gives a *FormatError that says what it is.
func Open(path string) (*File, error) {
	// O_NONBLOCK: a FIFO at this path must not hang us.
	fd, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return newFile(path, fd)
}

// newFile parses the file that fd has open. fd becomes the File's, or is closed.
func newFile(path string, fd *os.File) (f *File, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, &FormatError{path, fmt.Sprintf("damaged ELF file: %v", r), nil}
		}
		if err != nil {
			_ = fd.Close() // nothing was written through it that could be lost
		}
	}()
	st, err := fd.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &FormatError{path, "not a regular file", nil}
	}
	if err := checkIdent(path, fd); err != nil {
		return nil, err
	}
	e, err := elf.NewFile(fd)
	if err != nil {
		return nil, &FormatError{path, "damaged ELF file", err}
	}
	f = &File{
		Path: path, Type: e.Type, Machine: e.Machine, Entry: procmem.Addr(e.Entry),
		Size: st.Size(), Mtime: st.ModTime(),
		Sections: e.Sections, Progs: e.Progs, f: fd, elf: e,
	}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		f.Dev, f.Inode = s.Dev, s.Ino
	}
	f.Interp = f.readInterp()
	f.buildID = f.readBuildID()
	return f, nil
}

const whatNotELF = "not an ELF file"

// checkIdent reads the first bytes before debug/elf does, to name what the
// file is instead.
func checkIdent(path string, fd *os.File) error {
	var h [20]byte
	n, _ := fd.ReadAt(h[:], 0) // a short read is told by n
	switch {
	case n >= 2 && h[0] == '#' && h[1] == '!':
		return &FormatError{path, "a script, not an ELF file", nil}
	case n < 4 || string(h[:4]) != elf.ELFMAG:
		return &FormatError{path, whatNotELF, nil}
	case n < len(h):
		return &FormatError{path, "truncated ELF file", nil}
	case elf.Class(h[elf.EI_CLASS]) == elf.ELFCLASS32:
		return &FormatError{path, "a 32-bit ELF file; only 64-bit ones are supported", nil}
	case elf.Class(h[elf.EI_CLASS]) != elf.ELFCLASS64:
		return &FormatError{path, "damaged ELF file: unknown class", nil}
	case elf.Data(h[elf.EI_DATA]) != elf.ELFDATA2LSB:
		return &FormatError{path, "a big-endian ELF file", nil}
	}
	if m := elf.Machine(binary.LittleEndian.Uint16(h[18:])); m != machine {
		return &FormatError{path, fmt.Sprintf("an ELF file for %v; only %v is supported", m, machine), nil}
	}
	return nil
}

// Close closes the file. Lookups that already loaded what they need go on working.
func (f *File) Close() error { return f.f.Close() }

// ELF returns the parsed file of the standard library, owned by f.
func (f *File) ELF() *elf.File { return f.elf }

// BuildID returns the GNU build-id in lower-case hex, "" when the file has none.
func (f *File) BuildID() string { return f.buildID }

// Needed returns the DT_NEEDED names, in order.
func (f *File) Needed() []string {
	s, _ := f.elf.DynString(elf.DT_NEEDED) // a file without .dynamic needs nothing
	return s
}

// Soname returns DT_SONAME, "" when the file has none.
func (f *File) Soname() string {
	s, _ := f.elf.DynString(elf.DT_SONAME) // as for Needed
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// HasTLS says whether the file has a PT_TLS segment.
func (f *File) HasTLS() bool {
	for _, p := range f.Progs {
		if p.Type == elf.PT_TLS {
			return true
		}
	}
	return false
}

// Section returns the section of that name, or nil.
func (f *File) Section(name string) *elf.Section { return f.elf.Section(name) }

// SectionData returns the (decompressed) bytes of a section with a bound on
// their size; it fails with a *FormatError.
func (f *File) SectionData(s *elf.Section) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			data, err = nil, &FormatError{f.Path, fmt.Sprintf("section %s: %v", s.Name, r), nil}
		}
	}()
	if s.Size > maxSection || s.FileSize > uint64(f.Size) {
		return nil, &FormatError{f.Path, fmt.Sprintf("section %s claims %d bytes", s.Name, s.Size), nil}
	}
	data, err = s.Data()
	if err != nil {
		return nil, &FormatError{f.Path, "section " + s.Name, err}
	}
	return data, nil
}

// ReadLink reads len(p) bytes of the file's initial contents at a link-time
// address; bytes past the file's part of a segment (.bss) read as zero.
func (f *File) ReadLink(p []byte, addr procmem.Addr) error {
	for _, s := range f.Progs {
		if s.Type != elf.PT_LOAD || uint64(addr) < s.Vaddr {
			continue
		}
		off := uint64(addr) - s.Vaddr
		if off > s.Memsz || uint64(len(p)) > s.Memsz-off {
			continue
		}
		clear(p)
		if off >= s.Filesz {
			return nil
		}
		n := min(uint64(len(p)), s.Filesz-off)
		if _, err := s.ReadAt(p[:n], int64(off)); err != nil {
			return &FormatError{f.Path, fmt.Sprintf("contents at %v", addr), err}
		}
		return nil
	}
	return &FormatError{f.Path, fmt.Sprintf("no segment has %d bytes at %v", len(p), addr), nil}
}

func (f *File) readInterp() string {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz == 0 || p.Filesz > 4096 {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err == nil {
			s, _, _ := strings.Cut(string(b), "\x00")
			return s
		}
	}
	return ""
}
