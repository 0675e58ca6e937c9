package tracer

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// ReadAt reads target memory, whatever its protection; it makes a Process a
// procmem.Reader. For bulk reads use procmem.Live.
func (p *Process) ReadAt(b []byte, a procmem.Addr) (n int, err error) {
	err = p.call(func() error {
		n, err = p.readMem(b, a)
		return err
	})
	return n, err
}

// WriteAt writes target memory, also where the target itself may not write (a
// private copy of the page is made). It is not taken back by Detach.
func (p *Process) WriteAt(b []byte, a procmem.Addr) (n int, err error) {
	err = p.call(func() error {
		n, err = p.writeMem(b, a)
		return err
	})
	return n, err
}

// memory opens /proc/PID/mem. It holds on to one address space, so it is opened
// again after an exec.
func (p *Process) memory() (*os.File, error) {
	if p.mem == nil {
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", p.pid), os.O_RDWR, 0)
		switch {
		case err != nil && gone(err):
			return nil, fmt.Errorf("process %d: %w", p.pid, ErrNoProcess)
		case err != nil:
			return nil, diagnose(p.pid, "open the memory of", err)
		}
		p.mem = f
	}
	return p.mem, nil
}

func (p *Process) closeMem() {
	if p.mem != nil {
		p.mem.Close()
		p.mem = nil
	}
}

func (p *Process) readMem(b []byte, a procmem.Addr) (int, error) {
	return p.transfer(unix.Pread, b, a)
}

func (p *Process) writeMem(b []byte, a procmem.Addr) (int, error) {
	return p.transfer(unix.Pwrite, b, a)
}

// transfer reads or writes all of b.
func (p *Process) transfer(call func(int, []byte, int64) (int, error), b []byte, a procmem.Addr) (int, error) {
	f, err := p.memory()
	if err != nil {
		return 0, err
	}
	done := 0
	for done < len(b) {
		n, err := call(int(f.Fd()), b[done:], int64(a)+int64(done))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && n == 0:
			err = ErrNoProcess // the address space is gone
		case errors.Is(err, unix.EIO):
			err = procmem.ErrUnmapped
		}
		if err != nil {
			return done, &procmem.ReadError{Addr: a + procmem.Addr(done), Len: uint64(len(b) - done), Err: err}
		}
		done += n
	}
	return done, nil
}
