package procmem

import (
	"bytes"
	"debug/elf"
)

// Note types of a core file (linux/include/uapi/linux/elf.h).
const (
	ntPrstatus = 1
	ntPrpsinfo = 3
	ntAuxv     = 6
	ntSiginfo  = 0x53494749
	ntFile     = 0x46494c45
)

// notes reads one PT_NOTE segment.
func (l *coreLoader) notes(p prog) error {
	data, whole := l.upTo(p.off, p.fsize)
	if !whole && l.image {
		_, err := l.slice(p.off, p.fsize, "a note segment")
		return err
	}
	for off := uint64(0); uint64(len(data))-off >= 12; {
		at := p.off + off
		namesz, descsz := uint64(order.Uint32(data[off:])), uint64(order.Uint32(data[off+4:]))
		typ := order.Uint32(data[off+8:])
		off += 12
		name := off
		desc := name + pad4(namesz)
		if left := uint64(len(data)); desc > left || descsz > left-desc {
			if !whole {
				l.lacks.Cut = true
				return nil
			}
			return l.fail(at, "a note of %d bytes is longer than its segment", descsz)
		}
		owner := cstring(data[name : name+namesz])
		if err := l.note(at, owner, typ, data[desc:desc+descsz]); err != nil {
			return err
		}
		// The last note need not be padded.
		off = min(desc+pad4(descsz), uint64(len(data)))
	}
	return nil
}

func pad4(n uint64) uint64 { return (n + 3) &^ 3 }

func (l *coreLoader) note(at uint64, owner string, typ uint32, desc []byte) error {
	if owner == "pyfreeze" {
		l.image = true
		return nil
	}
	if owner != "CORE" {
		return nil
	}
	switch typ {
	case ntPrstatus:
		t, ok := parsePrstatus(desc)
		if !ok {
			return l.fail(at, "an NT_PRSTATUS note of %d bytes", len(desc))
		}
		l.threads = append(l.threads, t)
	case ntSiginfo:
		if s, ok := parseSiginfo(desc); ok && len(l.threads) > 0 && l.signal == nil {
			s.Tid = l.threads[len(l.threads)-1].Tid
			l.signal = &s
		}
	case ntPrpsinfo:
		pid, args, ok := parsePrpsinfo(desc)
		if !ok {
			return l.fail(at, "an NT_PRPSINFO note of %d bytes", len(desc))
		}
		l.pid, l.psargs = pid, args
	case ntAuxv:
		for ; len(desc) >= 16; desc = desc[16:] {
			key := order.Uint64(desc)
			if key == 0 { // AT_NULL
				break
			}
			l.auxv[key] = order.Uint64(desc[8:])
		}
	case ntFile:
		return l.fileNote(at, desc)
	}
	return nil
}

// fileNote reads NT_FILE: a count and a page size, count times start, end and
// offset in pages, then the names, each ended by a NUL.
func (l *coreLoader) fileNote(at uint64, desc []byte) error {
	if len(desc) < 16 {
		return l.fail(at, "an NT_FILE note of %d bytes", len(desc))
	}
	count, page := order.Uint64(desc), order.Uint64(desc[8:])
	if count > uint64(len(desc)-16)/24 {
		return l.fail(at, "an NT_FILE note with %d files in %d bytes", count, len(desc))
	}
	table, names := desc[16:16+24*count], desc[16+24*count:]
	for ; len(table) > 0; table = table[24:] {
		name, rest, ok := bytes.Cut(names, []byte{0})
		if !ok {
			return l.fail(at, "an NT_FILE note with fewer names than files")
		}
		names = rest
		f := FileNote{Path: string(name)}
		f.Start, f.End = Addr(order.Uint64(table)), Addr(order.Uint64(table[8:]))
		pages := order.Uint64(table[16:])
		if f.Start >= f.End || (page > 0 && pages > (1<<63)/page) {
			return l.fail(at, "an NT_FILE entry with range %v and offset %d pages", f.Range, pages)
		}
		f.Offset = pages * page
		l.files = append(l.files, f)
	}
	return nil
}

// mapping gives a mapping with a program header's range and permissions.
func (p prog) mapping() Mapping {
	f := elf.ProgFlag(p.flags)
	return Mapping{
		Range: Range{Addr(p.addr), Addr(p.addr + p.mem)},
		Read:  f&elf.PF_R != 0, Write: f&elf.PF_W != 0, Exec: f&elf.PF_X != 0,
	}
}
