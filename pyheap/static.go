package pyheap

import (
	"debug/elf"
	"path/filepath"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// staticData gives the writable data of the interpreter, of extension modules and of the libraries
// they use: address ranges [from, to). That of libc and the dynamic linker holds no object, but many
// pointers to free memory.
func (h *Heap) staticData() [][2]uint64 {
	var out [][2]uint64
	bss := h.bssEnds()
	for i := range h.view.segs {
		s := &h.view.segs[i]
		if !s.write || s.exec || !strings.HasPrefix(s.path, "/") || isLibc(s.path) {
			continue
		}
		end := s.fileEnd
		if e := bss[s.path]; e > end && e <= s.end {
			end = e
		} else if s.end > end && e == 0 {
			end = min(s.end, end+maxUnknownBSS)
		}
		// What the loader made read-only after relocation is writable in an image, for the thaw to fill: pointers to
		// variables that look like objects, and nothing that a program stored.
		start := max(s.start, h.relroEnd(s.start))
		if start < end {
			out = append(out, [2]uint64{start, end})
		}
	}
	return out
}

// relroEnd gives where the data ends that is read-only after relocation and that a lies in; 0 where it lies in none.
func (h *Heap) relroEnd(a uint64) uint64 {
	m, ok := h.moduleOf(a)
	if !ok {
		return 0
	}
	for _, p := range m.File.ELF().Progs {
		start, end := p.Vaddr+uint64(m.Bias), (p.Vaddr+p.Memsz+uint64(m.Bias))&^(pageSize-1) // ld.so rounds it down
		if p.Type == elf.PT_GNU_RELRO && a >= start&^(pageSize-1) && a < end {
			return end
		}
	}
	return 0
}

const pageSize = 4096

// maxUnknownBSS is how much is taken for the .bss of a file that cannot be read: the kernel merges
// what follows it with other anonymous memory.
const maxUnknownBSS = 1 << 20

// isLibc says whether a mapped file belongs to glibc.
func isLibc(path string) bool {
	base := filepath.Base(path)
	for _, p := range []string{"libc.so", "libc-2", "ld-linux", "ld-2", "libm.so", "libpthread", "libdl.so"} {
		if strings.HasPrefix(base, p) {
			return true
		}
	}
	return false
}

// bssEnds gives, by path, where the writable data of each mapped file ends according to its headers.
func (h *Heap) bssEnds() map[string]uint64 {
	out := map[string]uint64{}
	for path, m := range h.modulesByPath() {
		for _, p := range m.File.ELF().Progs {
			if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 {
				out[path] = max(out[path], p.Vaddr+p.Memsz+uint64(m.Bias))
			}
		}
	}
	return out
}

// modulesByPath gives the ELF files mapped in the target that can still be read.
func (h *Heap) modulesByPath() map[string]symbols.Module {
	if h.modules == nil {
		h.modules = map[string]symbols.Module{}
		segs := h.sp.Segments()
		maps := make([]procmem.Mapping, 0, len(segs))
		for i := range segs {
			maps = append(maps, segs[i].Mapping)
		}
		// Files that were replaced are simply not there: what needs them does without.
		mods, _ := h.in.Source.Modules(maps, h.sp)
		for _, m := range mods {
			h.modules[m.Path] = m
		}
	}
	return h.modules
}

// ownData notes which part of memory that an allocator may use is a file's .data and .bss: what looks like a header of a chunk there is none.
func (h *Heap) ownData() {
	for i := range h.view.segs {
		s := &h.view.segs[i]
		if !s.heap {
			continue
		}
		if s.fileEnd != s.end {
			s.own = s.fileEnd
		}
		if m, ok := h.moduleOf(s.start); ok {
			s.own = min(max(s.own, uint64(m.Range.End)), s.end)
		}
	}
}
