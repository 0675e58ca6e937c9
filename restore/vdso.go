package restore

import (
	"bytes"
	"debug/elf"
)

// vdso describes the vDSO as a library that moves. libc resolves time and gettimeofday to it, so that the
// jump slots of frozen libraries hold its addresses. It has no file: a word of its build-id tells
// another kernel's, in which the addresses mean something else.
func vdso(f *frozen) (library, bool) {
	for i := range f.segs {
		s := &f.segs[i]
		if s.Mapping.Path != "[vdso]" {
			continue
		}
		at, ok := buildIDPlace(s.Data)
		if !ok {
			return library{}, false
		}
		return library{Name: "[vdso]", Size: at, MtimeNs: le.Uint64(s.Data[at:]), Base: uint64(s.Start), Span: s.Len()}, true
	}
	return library{}, false
}

// buildIDPlace finds the build-id in an ELF file that is mapped whole.
func buildIDPlace(b []byte) (uint64, bool) {
	const noteHeader, nameGNU, typeBuildID = 12, 4, 3
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return 0, false
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Off > uint64(len(b)) || p.Filesz > uint64(len(b))-p.Off {
			continue
		}
		for at, end := p.Off, p.Off+p.Filesz; end-at >= noteHeader+nameGNU+8 && at < end; {
			n := b[at:]
			name, desc, typ := le.Uint32(n), le.Uint32(n[4:]), le.Uint32(n[8:])
			place := at + noteHeader + noteAlign(uint64(name))
			if typ == typeBuildID && name == nameGNU && desc >= 8 && place+8 <= end {
				return place, true
			}
			at = place + noteAlign(uint64(desc))
		}
	}
	return 0, false
}

func noteAlign(n uint64) uint64 { return (n + 3) &^ 3 }
