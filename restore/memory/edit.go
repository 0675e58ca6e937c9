package memory

import (
	"errors"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// Editor changes the copy of a process before it becomes an image.
type Editor struct{ Space *procmem.Space }

// SetBits sets all bits of a field of the struct at base, which may be a bit-field.
func (e Editor) SetBits(base procmem.Addr, f symbols.Field) error {
	if f.Size == 0 || f.Size > 8 {
		return errors.New("field " + f.Name + " is not a number")
	}
	bits, n := f.BitOffset, f.BitSize
	if n == 0 {
		bits, n = 0, int(f.Size)*8
	}
	for i := bits; i < bits+n; i++ {
		b, err := e.Space.Edit(base+procmem.Addr(f.Offset)+procmem.Addr(i/8), 1)
		if err != nil {
			return err
		}
		b[0] |= 1 << (i % 8)
	}
	return nil
}

// Wipe zeroes a range, and returns how many of its bytes were not zero.
func (e Editor) Wipe(start, end procmem.Addr) (n uint64) {
	for _, r := range e.Space.Known(procmem.Range{Start: start, End: end}) {
		for at := r.Start; at < r.End; {
			seg, ok := e.Space.Find(at)
			if !ok {
				break
			}
			part := min(r.End, seg.End)
			if b, err := e.Space.Edit(at, uint64(part-at)); err == nil {
				for _, c := range b {
					if c != 0 {
						n++
					}
				}
				clear(b)
			}
			at = part
		}
	}
	return n
}
