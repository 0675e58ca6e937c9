package restore

import (
	"debug/elf"
	"strings"

	"pyfreeze/procmem"
)

// needsLoader are imports that tie a library to ld.so's knowledge of it: unwinding,
// a look at the list of libraries, thread-local storage.
var needsLoader = map[string]bool{
	"dl_iterate_phdr": true, "__tls_get_addr": true, "_Unwind_Resume": true, "_Unwind_RaiseException": true, "__cxa_throw": true,
	"__cxa_thread_atexit_impl": true,
}

// chooseDirect picks the libraries that a thaw maps by itself, without ld.so:
// text from their files, all the rest, relocated already, from the image. It saves
// most of a thaw's time in libraries: libcrypto alone has 17,000 relocations, and the image
// holds what comes of them.
//
// ld.so does not know of such a library: a later one that needs it loads a copy of
// its own, dladdr and debuggers do not find it. So a library is loaded by ld.so if it does so at the start; if
// it uses thread-local storage, C++ or the list of libraries; if it has calls that were not bound yet; if
// the executable or another library of that kind needs it; and, where ctypes is
// loaded and may hold a handle, unless it is an extension module.
func chooseDirect(mods []*module, mem *procmem.Space) {
	ctypes := false
	bySoname := map[string]*module{}
	for _, m := range mods {
		ctypes = ctypes || strings.HasPrefix(m.soname, "_ctypes.")
		bySoname[m.soname] = m
	}
	for _, m := range mods {
		extension := strings.Contains(m.soname, ".cpython-") || strings.HasSuffix(m.soname, ".abi3.so")
		m.direct = !m.main && !m.system && !m.atStart && (extension || !ctypes) && m.standsAlone(mem)
	}
	seen := map[*module]bool{}
	var byLoader func(m *module)
	byLoader = func(m *module) {
		if m == nil || seen[m] {
			return
		}
		seen[m], m.direct = true, false
		for _, n := range m.File.Needed() {
			byLoader(bySoname[n])
		}
	}
	for _, m := range mods {
		if !m.direct {
			byLoader(m)
		}
	}
	for _, m := range mods {
		if m.direct {
			m.saved = nil // not section by section: its writable pages come back whole
		}
	}
}

// standsAlone says whether a library works without ld.so knowing of it.
func (m *module) standsAlone(mem *procmem.Space) bool {
	if m.File.HasTLS() {
		return false
	}
	for _, n := range m.File.Needed() {
		if strings.HasPrefix(n, "libstdc++") || strings.HasPrefix(n, "libgcc_s") {
			return false
		}
	}
	plt := map[*elf.Section]bool{}
	for _, s := range m.File.Sections {
		if strings.HasPrefix(s.Name, ".plt") {
			plt[s] = true
		}
	}
	for _, r := range m.relocs {
		switch r.Type {
		case elf.R_X86_64_TPOFF64, elf.R_X86_64_DTPMOD64, elf.R_X86_64_DTPOFF64, elf.R_X86_64_TLSDESC, elf.R_X86_64_COPY:
			return false
		}
		if r.Undef && needsLoader[r.Sym] {
			return false
		}
		if r.Type != elf.R_X86_64_JMP_SLOT {
			continue
		}
		v, err := mem.Ptr(m.Bias + r.Off)
		if err != nil {
			return false
		}
		for s := range plt { // not bound yet: it would call ld.so's resolver
			if a := uint64(v - m.Bias); a >= s.Addr && a < s.Addr+s.Size {
				return false
			}
		}
	}
	for _, p := range m.File.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0 {
			return false
		}
	}
	return true
}

// writable is the range of a module's writable segments, whole pages: what
// ld.so relocated lies in it, too.
func (m *module) writable() procmem.Range {
	r := procmem.Range{Start: m.span.End, End: m.span.End}
	for _, p := range m.File.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 {
			r.Start = min(r.Start, m.Bias+procmem.Addr(pageDown(p.Vaddr)))
		}
	}
	return r
}

// fileMap is a piece of a library that a thaw maps from the library's file.
type fileMap struct {
	path                  string
	id                    fileID
	addr, length, fileOff uint64
	prot                  uint32
}

// fileMaps lists the read-only segments of the libraries that are mapped directly.
func fileMaps(mods []*module, ids map[*module]fileID) []fileMap {
	var out []fileMap
	for _, m := range mods {
		if !m.direct {
			continue
		}
		w := m.writable()
		for _, p := range m.File.Progs {
			if p.Type != elf.PT_LOAD || p.Flags&elf.PF_W != 0 || p.Filesz == 0 {
				continue
			}
			f := fileMap{path: m.File.Path, id: ids[m], addr: uint64(m.Bias) + pageDown(p.Vaddr), fileOff: pageDown(p.Off), prot: protRead}
			f.length = min(pageUp(uint64(m.Bias)+p.Vaddr+p.Filesz), uint64(w.Start)) - f.addr
			if p.Flags&elf.PF_X != 0 {
				f.prot |= protExec
			}
			out = append(out, f)
		}
	}
	return out
}
