package restore

import (
	"errors"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// forgetSeekable makes the FileIO objects of the standard descriptors forget
// whether they can seek: nothing in Python resets what _io.FileIO caches of
// that, and what was a file may be a pipe in the next process.
func forgetSeekable(f *frozen, t *target, w *pyheap.Walk) error {
	fd, err := t.lay.Field("fileio", "fd")
	if err != nil {
		return err
	}
	seekable, err := t.lay.Field("fileio", "seekable") // int : 2, -1 for "not known"
	if err != nil {
		return err
	}
	for _, o := range w.OfType("_io.FileIO") {
		n, err := f.peek32(o.Addr + procmem.Addr(fd.Offset))
		if err != nil || n > 2 {
			continue
		}
		if err := setBits(f, o.Addr, seekable); err != nil {
			return err
		}
	}
	return nil
}

// setBits sets all bits of a field of the struct at base, which may be a bit-field.
func setBits(f *frozen, base procmem.Addr, fld symbols.Field) error {
	if fld.Size == 0 || fld.Size > 8 {
		return errors.New("field " + fld.Name + " is not a number")
	}
	bits, n := fld.BitOffset, fld.BitSize
	if n == 0 {
		bits, n = 0, int(fld.Size)*8
	}
	for i := bits; i < bits+n; i++ {
		b, err := f.find(base+procmem.Addr(fld.Offset)+procmem.Addr(i/8), 1)
		if err != nil {
			return err
		}
		b[0] |= 1 << (i % 8)
	}
	return nil
}

// openBufferLocks unlocks every buffered stream that a thread was in: none of them
// runs on in a thaw. lock is a PyThread_type_lock, a sem_t with its value in the
// low 32 bits; owner the thread's ident.
func openBufferLocks(f *frozen, t *target, w *pyheap.Walk) error {
	lock, err := t.lay.Field("buffered", "lock")
	if err != nil {
		return err
	}
	owner, err := t.lay.Field("buffered", "owner")
	if err != nil {
		return err
	}
	for _, typ := range []string{"_io.BufferedReader", "_io.BufferedWriter", "_io.BufferedRandom"} {
		for _, o := range w.OfType(typ) {
			who, err := f.peek64(o.Addr + procmem.Addr(owner.Offset))
			if err != nil || who == 0 {
				continue
			}
			at, err := f.peek64(o.Addr + procmem.Addr(lock.Offset))
			if err != nil || at == 0 {
				continue
			}
			if err := f.poke64(o.Addr+procmem.Addr(owner.Offset), 0); err != nil {
				return err
			}
			if err := f.poke32(procmem.Addr(at), 1); err != nil {
				return err
			}
		}
	}
	return nil
}
