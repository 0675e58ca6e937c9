package symbols

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"sort"
)

// dwarfUnit is one unit of .debug_info.
type dwarfUnit struct {
	start, die dwarf.Offset // of the header, of its first DIE
	files      []string     // base names by DW_AT_decl_file; loaded on first use
	loaded     bool
}

// loadDWARF reads the sections that types need, and no other: location lists
// are as large as the rest together.
func loadDWARF(f *File) (*dwarf.Data, []dwarfUnit, error) {
	get := func(name string) ([]byte, error) {
		s := f.Section(name)
		if s == nil {
			return nil, nil
		}
		return f.SectionData(s)
	}
	m := map[string][]byte{}
	for _, n := range []string{"abbrev", "info", "line", "str", "ranges", "line_str", "str_offsets", "addr", "rnglists"} {
		b, err := get(".debug_" + n)
		if err != nil {
			return nil, nil, err
		}
		m[n] = b
	}
	d, err := dwarf.New(m["abbrev"], nil, nil, m["info"], m["line"], nil, m["ranges"], m["str"])
	if err != nil {
		return nil, nil, &FormatError{f.Path, "DWARF", err}
	}
	for _, n := range []string{"line_str", "str_offsets", "addr", "rnglists"} {
		if m[n] == nil {
			continue
		}
		if err := d.AddSection(".debug_"+n, m[n]); err != nil {
			return nil, nil, &FormatError{f.Path, "DWARF section .debug_" + n, err}
		}
	}
	units, err := listUnits(m["info"])
	if err != nil {
		return nil, nil, &FormatError{f.Path, "DWARF", err}
	}
	return d, units, nil
}

// listUnits reads the unit headers, which debug/dwarf keeps to itself.
func listUnits(info []byte) ([]dwarfUnit, error) {
	var out []dwarfUnit
	for off := 0; off+11 <= len(info); {
		b := info[off:]
		size, hdr := uint64(binary.LittleEndian.Uint32(b)), 4
		offSize := 4
		if size == 0xffffffff {
			if len(b) < 24 {
				break
			}
			size, hdr, offSize = binary.LittleEndian.Uint64(b[4:]), 12, 8
		}
		if size > uint64(len(b)-hdr) || size < 7 {
			return nil, fmt.Errorf("unit at %#x claims %d bytes", off, size)
		}
		end := off + hdr + int(size)
		die := off + hdr + 2 + offSize + 1 // version, abbrev offset, address size
		if version := binary.LittleEndian.Uint16(b[hdr:]); version >= 5 {
			die++ // unit type
			switch b[hdr+2] {
			case 2, 6: // type units: signature and offset
				die += 8 + offSize
			case 4, 5: // skeleton, split: dwo id
				die += 8
			}
		}
		if die < end {
			out = append(out, dwarfUnit{start: dwarf.Offset(off), die: dwarf.Offset(die)})
		}
		off = end
	}
	return out, nil
}

// unitOf returns the unit that has the DIE at off, nil when there is none.
func (b *builder) unitOf(off dwarf.Offset) *dwarfUnit {
	i := sort.Search(len(b.units), func(i int) bool { return b.units[i].start > off })
	if i == 0 {
		return nil
	}
	return &b.units[i-1]
}

// declFile returns the base name of file n of the unit that has the DIE at off.
func (b *builder) declFile(off dwarf.Offset, n int64) string {
	u := b.unitOf(off)
	if u == nil {
		return ""
	}
	if !u.loaded {
		u.loaded = true
		b.loadFiles(u)
	}
	if n < 0 || n >= int64(len(u.files)) {
		return ""
	}
	return u.files[n]
}

func (b *builder) loadFiles(u *dwarfUnit) {
	r := b.d.Reader()
	r.Seek(u.die)
	cu, err := r.Next()
	if err != nil || cu == nil {
		return // then nothing has a place, which costs only sharing
	}
	lr, err := b.d.LineReader(cu)
	if err != nil || lr == nil {
		return
	}
	for _, f := range lr.Files() {
		if f == nil {
			u.files = append(u.files, "")
			continue
		}
		u.files = append(u.files, baseName(f.Name))
	}
}

// baseName interns nothing and allocates nothing: it cuts f at the last slash.
func baseName(f string) string {
	for i := len(f) - 1; i >= 0; i-- {
		if f[i] == '/' {
			return f[i+1:]
		}
	}
	return f
}
