package symbols

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// Module is an ELF file that the target has loaded.
type Module struct {
	Path  string
	File  *File             // open; the caller closes it (CloseModules)
	Bias  procmem.Addr      // runtime address = link-time address + Bias
	Maps  []procmem.Mapping // by address; may reach past Range, since the kernel merges neighbours
	Range procmem.Range     // first to last page of its PT_LOADs
}

const (
	pageSize  = 0x1000
	maxModule = 1 << 40 // bytes of address space of one file
)

// Modules returns the ELF files that are loaded (not merely mapped), by address.
// A file that was deleted or replaced since is left out and reported by a
// *ReplacedError; the error joins all of these, and the other modules are valid.
func Modules(maps []procmem.Mapping) ([]Module, error) { return ModulesIn(maps, nil) }

// ModulesIn is Modules with the target's memory at hand: it accepts a file whose
// inode differs (as on overlay file systems, and in core files, which have none)
// if its build-id or ELF header is the one in memory.
func ModulesIn(maps []procmem.Mapping, mem procmem.Reader) ([]Module, error) {
	return Source{}.Modules(maps, mem)
}

// CloseModules closes the files of all modules.
func CloseModules(mods []Module) {
	for i := range mods {
		_ = mods[i].File.Close() // only read
	}
}

// fileID tells mapped files apart.
type fileID struct {
	major, minor uint32
	inode        uint64
	path         string
}

// findModules also returns the errors of files that are not usable ELF files.
func findModules(src Source, maps []procmem.Mapping, mem procmem.Reader) (mods []Module, errs []error) {
	groups := map[fileID][]procmem.Mapping{}
	var order []fileID
	for _, m := range maps {
		if !strings.HasPrefix(m.Path, "/") {
			continue
		}
		id := fileID{m.Major, m.Minor, m.Inode, m.Path}
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], m)
	}
	for _, id := range order {
		g := groups[id]
		if !loadedCode(g) {
			continue
		}
		f, err := openMapped(g, mem)
		if _, ok := errors.AsType[*ReplacedError](err); ok {
			f, err = src.open(g, mem, err)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if f == nil {
			continue
		}
		found := place(f, g, maps)
		if len(found) == 0 {
			_ = f.Close() // only read
		}
		mods = append(mods, found...)
	}
	return mods, errs
}

// loadedCode says whether a file's mappings look like a loaded one: private
// code, and the page with the ELF header. A core file (no inode) does not say
// what was executable if it left the pages out.
func loadedCode(g []procmem.Mapping) bool {
	code, head := false, false
	for _, m := range g {
		code = code || (m.Exec || m.Inode == 0) && !m.Shared
		head = head || m.Offset == 0 && !m.Shared
	}
	return code && head
}

// openMapped opens the file of mappings, if it is still the same one. It
// returns nil for what is no ELF file at all.
func openMapped(g []procmem.Mapping, mem procmem.Reader) (*File, error) {
	m := g[0]
	if notAFile(m.Path) {
		return nil, nil
	}
	if m.Deleted {
		if mem != nil && !hasELFHeader(g, mem) {
			return nil, nil
		}
		return nil, &ReplacedError{m.Path, m.Start, "it was deleted or replaced after it was loaded"}
	}
	f, err := Open(m.Path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &ReplacedError{m.Path, m.Start, "there is no such file here (another mount namespace?)"}
		}
		if fe, ok := errors.AsType[*FormatError](err); ok && fe.What == whatNotELF {
			return nil, nil
		}
		return nil, err
	}
	why := changed(f, g, mem)
	if why != "" {
		_ = f.Close() // only read
		return nil, &ReplacedError{m.Path, m.Start, why}
	}
	return f, nil
}

// notAFile recognizes kernel objects that show as a path.
func notAFile(path string) bool {
	for _, p := range []string{"/memfd:", "/dev/", "/SYSV", "/anon_hugepage", "/[aio]"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// changed says why f is not the mapped file, "" when it is.
func changed(f *File, g []procmem.Mapping, mem procmem.Reader) string {
	m := g[0]
	same := m.Inode == f.Inode && m.Major == unix.Major(f.Dev) && m.Minor == unix.Minor(f.Dev)
	// btrfs and overlay file systems show another device in the maps than stat
	// does, never another inode for an untouched file on the former.
	if same {
		return ""
	}
	for _, m := range g {
		if m.Offset != 0 {
			continue
		}
		if why, known := sameBuild(f, m.Start, mem); known {
			return why
		}
	}
	if m.Inode == 0 || m.Inode == f.Inode {
		return "" // as far as can be told
	}
	return fmt.Sprintf("the target mapped inode %d, the file has inode %d", m.Inode, f.Inode)
}

// sameBuild compares the file with what is in memory at the mapping of its
// first page, by build-id, else by ELF header. It says why they differ; known is
// false when that page is not in this memory (a core without file pages).
func sameBuild(f *File, head procmem.Addr, mem procmem.Reader) (why string, known bool) {
	if mem == nil {
		return "", false
	}
	if id, ok := buildIDInMemory(f, head, mem); ok {
		if id != f.buildID {
			why = fmt.Sprintf("the target runs build-id %s, the file has %s", id, f.buildID)
		}
		return why, true
	}
	var a, b [64]byte
	if _, err := mem.ReadAt(a[:], head); err != nil {
		return "", false
	}
	if _, err := f.f.ReadAt(b[:], 0); err != nil || a != b {
		why = "the ELF header in memory is another one"
	}
	return why, true
}

// buildIDInMemory reads the build-id note of the copy whose first page is at head.
func buildIDInMemory(f *File, head procmem.Addr, mem procmem.Reader) (string, bool) {
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > pageSize || p.Off > pageSize {
			continue // the notes lie in the first page or two, mapped as in the file
		}
		b := make([]byte, p.Filesz)
		if _, err := mem.ReadAt(b, head+procmem.Addr(p.Off)); err != nil {
			continue
		}
		if id := buildIDFromNotes(b); id != "" {
			return id, true
		}
	}
	return "", false
}

func hasELFHeader(g []procmem.Mapping, mem procmem.Reader) bool {
	for _, m := range g {
		if m.Offset == 0 {
			v, err := readUint(mem, m.Start, 4)
			return err == nil && v == 0x464c457f
		}
	}
	return false
}
