package memory

import (
	"slices"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/restore/stub"
)

// Steps returns what the stub does to place the memory, and adds to the tables what that refers to. where tells where the segments lie in
// the image; until that is known it may be nil, and the steps have the right number only.
func (m *Memory) Steps(t *stub.Tables, where []image.SegmentInfo) []stub.Op {
	var out []stub.Op
	emit := func(o stub.Op) {
		// Neighbours that continue each other, in memory and in the image, are one.
		if n := len(out); n > 0 && o.Kind == stub.OpImage {
			if l := &out[n-1]; l.Kind == o.Kind && l.Prot == o.Prot && l.Addr+l.Len == o.Addr && l.Off+l.Len == o.Off && where != nil {
				l.Len += o.Len
				return
			}
		}
		out = append(out, o)
	}
	m.fileSteps(t, emit)
	for i := range m.regions {
		r := &m.regions[i]
		switch {
		case r.stack:
			emit(stub.Op{Kind: stub.OpStack, Prot: prot(&r.Mapping), Addr: uint64(m.StackEnd), Len: 0})
		case r.file < 0 && r.needed:
			p := prot(&r.Mapping)
			if m.reads(r.Range) {
				p |= unix.PROT_READ | unix.PROT_WRITE
			}
			emit(stub.Op{Kind: stub.OpAnon, Addr: uint64(r.Start), Len: r.Len(), Prot: p, Flags: r.flags})
		}
	}
	off := func(a procmem.Addr) uint64 {
		i, ok := slices.BinarySearchFunc(where, uint64(a), func(s image.SegmentInfo, a uint64) int {
			return cmpAddr(procmem.Addr(s.Addr), procmem.Addr(a))
		})
		if !ok {
			return 0
		}
		return where[i].FileOff
	}
	for i := range m.pieces {
		p := &m.pieces[i]
		switch p.how {
		case mapped:
			emit(stub.Op{Kind: stub.OpImage, Addr: uint64(p.Start), Len: p.Len(), Prot: p.prot, Off: off(p.Start)})
		case read:
			emit(stub.Op{Kind: stub.OpRead, Addr: uint64(p.Start), Len: p.Len(), Off: off(p.Start)})
		}
	}
	for i := range m.regions {
		r := &m.regions[i]
		if r.file < 0 && !r.stack && r.needed && m.reads(r.Range) && prot(&r.Mapping) != unix.PROT_READ|unix.PROT_WRITE {
			emit(stub.Op{Kind: stub.OpProtect, Addr: uint64(r.Start), Len: r.Len(), Prot: prot(&r.Mapping)})
		}
		for _, a := range r.advice {
			emit(stub.Op{Kind: stub.OpAdvise, Addr: uint64(r.Start), Len: r.Len(), Flags: a})
		}
	}
	return out
}

// fileSteps maps files, one after the other, so that one descriptor is open at a time.
func (m *Memory) fileSteps(t *stub.Tables, emit func(stub.Op)) {
	for n, f := range m.Files {
		opened := false
		for i := range m.regions {
			r := &m.regions[i]
			if r.file != n {
				continue
			}
			if !opened {
				rec := stub.File{Dev: f.Dev, Ino: f.Ino, Size: f.Size, MtimeNs: f.MtimeNs, Path: t.Str(f.Path)}
				emit(stub.Op{Kind: stub.OpOpen, Off: uint64(stub.Encode(t, []stub.File{rec}))})
				opened = true
			}
			if !r.needed {
				continue // the file is opened all the same: it is to be the same one
			}
			flags := uint32(unix.MAP_PRIVATE)
			if r.Shared {
				flags = unix.MAP_SHARED
			}
			emit(stub.Op{Kind: stub.OpFile, Addr: uint64(r.Start), Len: r.Len(), Off: r.Offset, Prot: prot(&r.Mapping), Flags: flags})
		}
	}
}

// reads says whether a part of the range is read from the image.
func (m *Memory) reads(r procmem.Range) bool {
	i, _ := slices.BinarySearchFunc(m.pieces, r.Start, func(p piece, a procmem.Addr) int { return cmpAddr(p.Start, a) })
	for ; i < len(m.pieces) && m.pieces[i].Start < r.End; i++ {
		if m.pieces[i].how == read {
			return true
		}
	}
	return false
}
