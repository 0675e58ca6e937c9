package procmem

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// join makes one segment of those of an image that follow each other and are alike: an image has memory in pieces, by how a thaw brings each back, but
// what allocators made of it lies across them.
func (l *coreLoader) join(segs []Segment) ([]Segment, error) {
	if !l.image {
		return segs, nil
	}
	alike := func(a, b *Segment) bool {
		return a.End == b.Start && a.Path == "" && b.Path == "" && a.Write && b.Write && a.Exec == b.Exec
	}
	var out []Segment
	for i := 0; i < len(segs); {
		n := i + 1
		for n < len(segs) && alike(&segs[n-1], &segs[n]) {
			n++
		}
		one := segs[i]
		if n > i+1 {
			one.End = segs[n-1].End
			p, err := mmapAnon(one.Len())
			if err != nil {
				return nil, err
			}
			l.owned = append(l.owned, p)
			for ; i < n; i++ {
				if err := l.place(p[segs[i].Start-one.Start:], segs[i].Data); err != nil {
					return nil, err
				}
			}
			one.Data = p
		}
		i = n
		out = append(out, one)
	}
	return out, nil
}

// place puts data where it belongs: the file's own pages where it can, so that it takes no memory.
func (l *coreLoader) place(to, data []byte) error {
	off := uint64(uintptr(unsafe.Pointer(&data[0])) - uintptr(unsafe.Pointer(&l.data[0]))) // beyond the file where it is no part of that
	if l.fd >= 0 && off < uint64(len(l.data)) && off%pageSize == 0 && uint64(len(data))%pageSize == 0 {
		_, err := unix.MmapPtr(l.fd, int64(off), unsafe.Pointer(&to[0]), uintptr(len(data)), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_FIXED)
		return err
	}
	for _, b := range data {
		if b != 0 {
			copy(to, data)
			break
		}
	}
	return nil
}
