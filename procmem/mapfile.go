package procmem

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errNotRegular says that a mapped file is not one that can be mapped again.
var errNotRegular = errors.New("not a regular file")

// openRegular opens a file whose name came from a target. Anything but a
// regular file is refused before it is opened: opening a device or a FIFO can
// have effects, or block.
func openRegular(path string) (*os.File, *unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, nil, &os.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	// Again, of what was really opened.
	err = unix.Fstat(int(f.Fd()), &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return f, &st, nil
}

// mmapFile maps length bytes of f at a page-aligned offset, to be read only. A
// file that does not reach that far is an error: touching pages beyond its end
// would kill us.
func mmapFile(f *os.File, size int64, offset, length uint64) ([]byte, error) {
	if size < 0 || offset > uint64(size) || length == 0 || length > roundUp(uint64(size))-offset {
		return nil, fmt.Errorf("%s: %d bytes at offset %d lie beyond the end (size %d)", f.Name(), length, offset, size)
	}
	p, err := unix.Mmap(int(f.Fd()), int64(offset), int(length), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, &os.PathError{Op: "mmap", Path: f.Name(), Err: err}
	}
	return p, nil
}

// mmapAnon reserves zeroed memory; pages that are never written cost nothing.
func mmapAnon(length uint64) ([]byte, error) {
	if length > 1<<47 {
		return nil, fmt.Errorf("cannot reserve %d bytes: more than an address space", length)
	}
	p, err := unix.Mmap(-1, 0, int(length), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("cannot reserve %d bytes for a copy of target memory: %w", length, err)
	}
	return p, nil
}

func roundUp(n uint64) uint64 {
	return (n + pageSize - 1) &^ (pageSize - 1)
}
