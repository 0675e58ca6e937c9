package snapshot

import "pyfreeze/procmem"

const pageSize = 4096

// pages reads the memory of a stopped process, whole pages at a time, and keeps these until it is
// told that the process has run. Judging one system call reads hundreds of words, of a few pages.
type pages struct {
	mem  procmem.Reader
	got  map[procmem.Addr]*[pageSize]byte
	free []*[pageSize]byte
}

func newPages(mem procmem.Reader) *pages {
	return &pages{mem: mem, got: map[procmem.Addr]*[pageSize]byte{}}
}

// forget drops what was read: the process has run since.
func (p *pages) forget() {
	for _, b := range p.got {
		p.free = append(p.free, b)
	}
	clear(p.got)
}

// ReadAt implements [procmem.Reader].
func (p *pages) ReadAt(b []byte, at procmem.Addr) (done int, err error) {
	for done < len(b) {
		from := at + procmem.Addr(done)
		page := p.page(from - from%pageSize)
		if page == nil { // as far as it goes, with the error that tells how far
			n, err := p.mem.ReadAt(b[done:], from)
			return done + n, err
		}
		done += copy(b[done:], page[from%pageSize:])
	}
	return done, nil
}

// page returns the page at an address; nil where it cannot be read.
func (p *pages) page(at procmem.Addr) *[pageSize]byte {
	if b, ok := p.got[at]; ok {
		return b
	}
	var b *[pageSize]byte
	if n := len(p.free); n > 0 {
		b, p.free = p.free[n-1], p.free[:n-1]
	} else {
		b = new([pageSize]byte)
	}
	if _, err := p.mem.ReadAt(b[:], at); err != nil {
		p.free = append(p.free, b)
		return nil
	}
	p.got[at] = b
	return b
}
