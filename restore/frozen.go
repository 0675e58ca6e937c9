package restore

import (
	"debug/elf"
	"fmt"
	"sort"

	"pyfreeze/image"
	"pyfreeze/procmem"
)

// frozenSegment is memory on its way into the image. Data is a copy: what must be
// different in a thawed process is changed here, at freeze time.
type frozenSegment struct {
	procmem.Region
	Data []byte
	// early: placed by the stub before ld.so runs (anonymous memory).
	early bool
	// inspectOnly: never mapped by a thaw.
	inspectOnly bool
	// readOnly: writable only until the relocations are done.
	readOnly bool
	prot     uint32
}

// frozen is all the memory of the image, in address order.
type frozen struct{ segs []frozenSegment }

func (f *frozen) find(a procmem.Addr, n int) ([]byte, error) {
	i := sort.Search(len(f.segs), func(i int) bool { return f.segs[i].End > a })
	if i == len(f.segs) || a < f.segs[i].Start || f.segs[i].inspectOnly || uint64(n) > uint64(f.segs[i].End-a) {
		return nil, fmt.Errorf("%v is not in frozen memory", a)
	}
	off := a - f.segs[i].Start
	return f.segs[i].Data[off : int(off)+n], nil
}

func (f *frozen) poke64(a procmem.Addr, v uint64) error {
	b, err := f.find(a, 8)
	if err == nil {
		le.PutUint64(b, v)
	}
	return err
}

func (f *frozen) poke32(a procmem.Addr, v uint32) error {
	b, err := f.find(a, 4)
	if err == nil {
		le.PutUint32(b, v)
	}
	return err
}

func (f *frozen) zero(a procmem.Addr, n uint64) error {
	b, err := f.find(a, int(n))
	clear(b)
	return err
}

func (f *frozen) peek64(a procmem.Addr) (uint64, error) {
	b, err := f.find(a, 8)
	if err != nil {
		return 0, err
	}
	return le.Uint64(b), nil
}

func (f *frozen) peek32(a procmem.Addr) (uint32, error) {
	b, err := f.find(a, 4)
	if err != nil {
		return 0, err
	}
	return le.Uint32(b), nil
}

// protection bits of mmap.
const (
	protRead  = 1
	protWrite = 2
	protExec  = 4
)

// headerPages is what a debugger needs of a file's mapping besides its name: the
// ELF header with the build-id, and what ld.so relocated (the dynamic section).
func headerPages(r procmem.Region, m *module) (procmem.Range, bool) {
	lo, hi := relroOf(m)
	switch {
	case r.Start == m.span.Start:
		return procmem.Range{Start: r.Start, End: r.Start + 4096}, true
	case uint64(r.Start) >= lo && uint64(r.Start) < hi:
		return procmem.Range{Start: r.Start, End: min(r.End, procmem.Addr(hi))}, true
	}
	return procmem.Range{}, false
}

// gather copies what the image holds. stackFrom is the main thread's stack
// pointer: what lies above it is kept, inert, for frames that still point there.
func gather(sp *procmem.Space, regions []procmem.Region, mods []*module, stackFrom procmem.Addr) (*frozen, error) {
	f := &frozen{}
	for _, r := range regions {
		s := frozenSegment{Region: r}
		if r.Owner >= 0 && mods[r.Owner].direct {
			if r.Start < mods[r.Owner].writable().Start {
				r.Class = procmem.ClassIdentity
			} else {
				// Relocated words of any kind may need a change; what ld.so made read-only is so again after that.
				r.Class, s.Class, s.prot = procmem.ClassFrozen, procmem.ClassFrozen, protRead|protWrite
				s.readOnly = !r.Mapping.Write
			}
		}
		switch r.Class {
		case procmem.ClassFrozen:
			s.early = true
		case procmem.ClassSaved:
		case procmem.ClassStack:
			if !r.Contains(stackFrom) {
				continue
			}
			s.Start = procmem.Addr(pageDown(uint64(stackFrom)))
			s.early, s.prot = true, protRead
		case procmem.ClassFresh:
			if !r.Mapping.Write {
				continue
			}
			s.inspectOnly = true
		case procmem.ClassIdentity:
			pages, ok := headerPages(r, mods[r.Owner])
			if !ok {
				continue
			}
			s.Range, s.inspectOnly = pages, true
		case procmem.ClassKernel:
			if r.Mapping.Path != "[vdso]" {
				continue
			}
			s.inspectOnly = true
		default:
			continue
		}
		if s.prot == 0 {
			s.prot = protOf(r.Mapping)
		}
		// Guard pages inside a mapping, as of a thread's stack (glibc 2.42), are no part of it.
		for _, known := range sp.Known(s.Range) {
			b, err := sp.Bytes(known.Start, known.Len())
			if err != nil {
				return nil, err
			}
			part := s
			part.Range, part.Data = known, append([]byte(nil), b...)
			f.segs = append(f.segs, part)
		}
	}
	return f, nil
}

func protOf(m procmem.Mapping) (p uint32) {
	if m.Read {
		p |= protRead
	}
	if m.Write {
		p |= protWrite
	}
	if m.Exec {
		p |= protExec
	}
	return p
}

// imageSegments gives the segments in the form that the image takes, in the same order.
func (f *frozen) imageSegments() []image.Segment {
	out := make([]image.Segment, len(f.segs))
	for i, s := range f.segs {
		var fl elf.ProgFlag
		if s.prot&protRead != 0 {
			fl |= elf.PF_R
		}
		if s.prot&protWrite != 0 {
			fl |= elf.PF_W
		}
		if s.prot&protExec != 0 {
			fl |= elf.PF_X
		}
		out[i] = image.Segment{Addr: uint64(s.Start), Data: s.Data, Flags: fl, InspectOnly: s.inspectOnly}
	}
	return out
}
