package restore

import (
	"encoding/binary"
	"fmt"
)

var le = binary.LittleEndian

// Sizes of the structures of stub/abi.h, in bytes.
const (
	progHeader = 160
	opSize     = 56
	maxSites   = 4
)

// encode lays the program out as struct prog, then the blob, then the tables.
func (p *program) encode() ([]byte, error) {
	if len(p.sites) == 0 || len(p.sites) > maxSites {
		return nil, fmt.Errorf("ld.so has %d places that map memory, 1 to %d are supported", len(p.sites), maxSites)
	}
	exe := p.str(p.exePath)
	paths := make([]uint64, len(p.files))
	for i, f := range p.files {
		if i > 0 && f.path == p.files[i-1].path {
			paths[i] = paths[i-1] // one file, opened once
			continue
		}
		paths[i] = p.str(f.path).v
	}
	out := make([]byte, progHeader, progHeader+len(p.blob)+opSize*len(p.ops)+4096)
	out = append(out, p.blob...)
	align := func() uint32 {
		for len(out)%8 != 0 {
			out = append(out, 0)
		}
		return uint32(len(out))
	}
	libs := align()
	for _, l := range p.libs {
		for _, v := range []uint64{l.Ino, l.Size, l.MtimeNs, l.Base, l.Span, 0} {
			out = le.AppendUint64(out, v)
		}
		var fixed uint64
		if l.Fixed {
			fixed = 1
		}
		out = le.AppendUint64(out, fixed)
	}
	maps := align()
	for _, m := range p.maps {
		for _, v := range []uint64{m.Addr, m.MemLen, m.FileOff, m.FileLen, uint64(m.Prot)} {
			out = le.AppendUint64(out, v)
		}
	}
	files := align()
	for i, f := range p.files {
		for _, v := range []uint64{f.id.ino, f.id.size, f.id.mtimeNs, f.addr, f.length, f.fileOff, uint64(f.prot), paths[i]} {
			out = le.AppendUint64(out, v)
		}
	}
	pieces := align()
	for _, s := range p.pieces {
		out = le.AppendUint64(le.AppendUint64(out, s.Off), s.Len)
	}
	ranges := align()
	for _, r := range p.ranges {
		out = le.AppendUint64(le.AppendUint64(out, r[0]), r[1])
	}
	ops := align()
	for _, o := range p.ops {
		var b [opSize]byte
		b[0], b[1] = byte(o.code), byte(o.dst)
		if len(o.args) > 6 {
			return nil, fmt.Errorf("operation %d has %d operands, at most 6 fit", o.code, len(o.args))
		}
		for i, a := range o.args {
			b[2+i] = byte(a.kind)
			le.PutUint64(b[8+8*i:], a.v)
		}
		out = append(out, b[:]...)
	}

	h := out[:0:progHeader]
	u32 := func(vs ...uint32) {
		for _, v := range vs {
			h = le.AppendUint32(h, v)
		}
	}
	u64 := func(vs ...uint64) {
		for _, v := range vs {
			h = le.AppendUint64(h, v)
		}
	}
	var sites [maxSites]uint32
	copy(sites[:], p.sites)
	u64(abiMagic)
	u32(abiVersion, uint32(len(out)))
	u64(p.exeEntry)
	u32(uint32(exe.v), uint32(len(p.libs)), libs, uint32(len(p.maps)), maps)
	u32(uint32(len(p.sites)), sites[0], sites[1], sites[2], sites[3])
	u32(p.textLo, p.textHi, uint32(len(p.ranges)), ranges, uint32(len(p.ops)), ops)
	u32(uint32(p.libc), uint32(p.ldso), uint32(len(p.files)), files)
	u32(uint32(p.exe), uint32(len(p.pieces)), pieces, 0)
	u64(p.startMain, p.malloc, p.free, p.realloc, p.usable)
	if len(h) != progHeader {
		return nil, fmt.Errorf("program header has %d bytes, %d are set aside", len(h), progHeader)
	}
	return out, nil
}
