package procmem

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
)

// errFileChanged says that a mapped file is not the one that was dumped.
var errFileChanged = errors.New("the file has changed since: its first page differs from the dumped one")

// segments makes segments of the PT_LOADs and of what the files supply.
func (l *coreLoader) segments(progs []prog) ([]Segment, error) {
	var segs []Segment
	var missing []Mapping // what the dump left out
	var covered []Range
	for _, p := range progs {
		if p.typ != ptLoad || p.mem == 0 {
			continue
		}
		if p.fsize > p.mem || p.mem > 1<<47 || p.addr > -p.mem {
			return nil, l.fail(p.hdr, "a segment at %#x with %d bytes in the file and %d in memory", p.addr, p.fsize, p.mem)
		}
		data, whole := l.upTo(p.off, p.fsize)
		if !whole && l.image {
			_, err := l.slice(p.off, p.fsize, fmt.Sprintf("the segment at %#x", p.addr))
			return nil, err
		}
		m := p.mapping()
		covered = append(covered, m.Range)
		l.name(&m)
		l.lacks.add(&m, p.fsize, uint64(len(data)))
		if l.zeroTail(&m, p) {
			all, err := l.extend(data, p.mem)
			if err != nil {
				return nil, err
			}
			data = all
		}
		if len(data) > 0 {
			segs = appendPart(segs, &Segment{Mapping: m, Data: data}, Range{m.Start, m.Start + Addr(len(data))})
		}
		n := uint64(len(data))
		if n < p.fsize && !m.Exec { // cut off: the dump had it since it differs from the file, or may
			n = p.fsize
		}
		if n < p.mem {
			rest := m
			rest.Start += Addr(n)
			missing = append(missing, rest)
		}
	}
	segs, err := l.join(segs)
	if err != nil {
		return nil, err
	}
	if l.lacks.leftOut() {
		// What was written to is in no file.
		missing = slices.DeleteFunc(missing, func(m Mapping) bool { return m.Write })
	}
	missing = append(missing, l.unloaded(covered)...)
	return l.supply(segs, missing), nil
}

// zeroTail says whether memory beyond a segment's bytes in the file is zero. An
// image leaves zero pages out; in a core file the bytes just were not dumped.
func (l *coreLoader) zeroTail(m *Mapping, p prog) bool {
	if !l.image || p.fsize == p.mem {
		return false
	}
	// Only a reference to a file has no bytes at all and cannot be written.
	return p.fsize > 0 || m.Write || m.Path == ""
}

// extend gives a copy of data, followed by zeros up to size.
func (l *coreLoader) extend(data []byte, size uint64) ([]byte, error) {
	p, err := mmapAnon(size)
	if err != nil {
		return nil, err
	}
	l.owned = append(l.owned, p)
	copy(p, data)
	return p, nil
}

// name gives a mapping its file's path and offset, when NT_FILE knows them, and
// the vDSO its name.
func (l *coreLoader) name(m *Mapping) {
	const atSysinfoEhdr = 33
	if a, ok := l.auxv[atSysinfoEhdr]; ok && m.Contains(Addr(a)) {
		m.Path = "[vdso]"
		return
	}
	if f := l.fileAt(m.Start); f != nil {
		m.Path = f.Path
		m.Offset = f.Offset + uint64(m.Start-f.Start)
	}
}

// fileAt gives the NT_FILE entry for address a, or nil.
func (l *coreLoader) fileAt(a Addr) *FileNote {
	i := sort.Search(len(l.files), func(i int) bool { return l.files[i].End > a })
	if i < len(l.files) && l.files[i].Contains(a) {
		return &l.files[i]
	}
	return nil
}

// unloaded gives what NT_FILE names and no PT_LOAD covers. Nothing says what
// protection it had.
func (l *coreLoader) unloaded(covered []Range) []Mapping {
	sort.Slice(covered, func(i, j int) bool { return covered[i].Start < covered[j].Start })
	var out []Mapping
	for _, f := range l.files {
		at := f.Start
		i := sort.Search(len(covered), func(i int) bool { return covered[i].End > f.Start })
		for ; i < len(covered) && covered[i].Start < f.End; i++ {
			if covered[i].Start > at {
				out = append(out, Mapping{Range: Range{at, covered[i].Start}, Read: true})
			}
			at = covered[i].End
		}
		if at < f.End {
			out = append(out, Mapping{Range: Range{at, f.End}, Read: true})
		}
	}
	return out
}

// supply maps, from the files of NT_FILE, what the dump left out.
func (l *coreLoader) supply(segs []Segment, missing []Mapping) []Segment {
	dumped, err := NewSpace(segs)
	if err != nil {
		return segs // the caller finds the same, and reports it
	}
	tried := map[string]error{}
	for _, m := range missing {
		f := l.fileAt(m.Start)
		if f == nil {
			continue
		}
		m.End = min(m.End, f.End)
		err, known := tried[f.Path]
		if !known {
			err = l.sameFile(f.Path, dumped)
			tried[f.Path] = err
		}
		var data []byte
		if err == nil {
			data, err = l.fromFile(f, m.Range)
		}
		if err != nil {
			f.Err = err
			continue
		}
		m.Path, m.Offset = f.Path, f.Offset+uint64(m.Start-f.Start)
		segs = appendPart(segs, &Segment{Mapping: m, Data: data}, m.Range)
	}
	return segs
}

// fromFile maps the part of file f that stood at r.
func (l *coreLoader) fromFile(f *FileNote, r Range) ([]byte, error) {
	offset := f.Offset + uint64(r.Start-f.Start)
	if offset%pageSize != 0 {
		return nil, fmt.Errorf("%s: offset %d is not at a page boundary", f.Path, offset)
	}
	file, st, err := openRegular(f.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := mmapFile(file, st.Size, offset, r.Len())
	if err == nil {
		l.owned = append(l.owned, data)
	}
	return data, err
}

// sameFile compares an ELF file's first page with the dumped one, where there
// is one: the kernel and gcore dump it just for that, since it holds the
// build-id.
func (l *coreLoader) sameFile(path string, dumped *Space) error {
	start, ok := l.firstPages()[path]
	if !ok {
		return nil
	}
	want, err := dumped.Bytes(start, pageSize)
	if err != nil || !bytes.HasPrefix(want, []byte(elf.ELFMAG)) {
		return nil
	}
	file, _, err := openRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	got := make([]byte, len(want))
	n, _ := file.ReadAt(got, 0) // a short file leaves zeros, as its mapping does
	if n == 0 || !bytes.Equal(got, want) {
		return &os.PathError{Op: "use", Path: path, Err: errFileChanged}
	}
	return nil
}

// firstPages gives where each file's beginning was mapped.
func (l *coreLoader) firstPages() map[string]Addr {
	if l.firsts == nil {
		l.firsts = map[string]Addr{}
		for i := len(l.files) - 1; i >= 0; i-- {
			if f := &l.files[i]; f.Offset == 0 {
				l.firsts[f.Path] = f.Start
			}
		}
	}
	return l.firsts
}
