package procmem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Reader is a source of target memory.
type Reader interface {
	// ReadAt fills p from the target's memory at addr. It returns how many
	// bytes it read; when these are fewer than len(p), the error is a
	// *ReadError that carries the first address that could not be read.
	ReadAt(p []byte, addr Addr) (int, error)
}

// maxIovecs is the kernel's limit (UIO_MAXIOV) on ranges in one
// process_vm_readv call.
const maxIovecs = 1024

// Live reads the memory of a running or stopped process. It is safe for
// concurrent use. What it reads is a consistent snapshot only while the process
// is stopped.
type Live struct {
	pid int

	mu  sync.RWMutex // guards mem against Close
	mem *os.File     // /proc/PID/mem; nil while process_vm_readv does
}

// OpenLive makes a reader for process pid and checks that its memory may be
// read. The error wraps ErrNoProcess when there is no such process, and
// unix.EPERM or unix.EACCES when access is denied.
func OpenLive(pid int) (*Live, error) {
	l := &Live{pid: pid}
	// No process maps address 0 in practice: EFAULT says that the call is
	// allowed. Some sandboxes forbid it, though they allow /proc/PID/mem.
	_, err := unix.ProcessVMReadv(pid, iovec(make([]byte, 1)), remote(0, 1), 0)
	switch {
	case err == nil, errors.Is(err, unix.EFAULT):
		return l, nil
	case errors.Is(err, unix.ESRCH):
		return nil, fmt.Errorf("process %d: %w", pid, ErrNoProcess)
	}
	mem, merr := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if merr != nil {
		return nil, fmt.Errorf("cannot read the memory of process %d: %w", pid, errors.Join(err, procError(pid, merr)))
	}
	l.mem = mem
	return l, nil
}

// PID gives the process that is read.
func (l *Live) PID() int { return l.pid }

// Close releases what OpenLive took. Reads after it fail.
func (l *Live) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mem == nil {
		return nil
	}
	return l.mem.Close()
}

// ReadAt implements [Reader].
func (l *Live) ReadAt(p []byte, addr Addr) (int, error) {
	done := 0
	for done < len(p) {
		n, err := l.readVec([]span{{dst: p[done:], addr: addr + Addr(done)}})
		done += n
		if err != nil {
			return done, &ReadError{Addr: addr + Addr(done), Len: uint64(len(p) - done), Err: err}
		}
	}
	return done, nil
}

// span is one piece of a batched read.
type span struct {
	dst  []byte
	addr Addr
}

// readVec reads at most maxIovecs spans with one system call, in order. It
// returns the number of bytes read; it reads less than everything only when it
// met something unreadable, or the kernel's limit on one call. The error is not
// nil only when nothing was read at all.
func (l *Live) readVec(spans []span) (int, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.mem != nil {
		return l.readMem(spans)
	}
	local := make([]unix.Iovec, 0, min(len(spans), maxIovecs))
	from := make([]unix.RemoteIovec, 0, cap(local))
	for _, s := range spans[:cap(local)] {
		local = append(local, iovec(s.dst)...)
		from = append(from, remote(s.addr, len(s.dst))...)
	}
	for {
		n, err := unix.ProcessVMReadv(l.pid, local, from, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ESRCH):
			return 0, ErrNoProcess
		case err != nil:
			return 0, err
		case n <= 0:
			// Not documented to happen; never loop on it.
			return 0, unix.EFAULT
		}
		return n, nil
	}
}

// readMem does readVec's work through /proc/PID/mem.
func (l *Live) readMem(spans []span) (int, error) {
	done := 0
	for _, s := range spans {
		n, err := unix.Pread(int(l.mem.Fd()), s.dst, int64(s.addr))
		if n > 0 {
			done += n
		}
		if n == len(s.dst) {
			continue
		}
		switch {
		case done > 0:
			return done, nil
		case err == nil: // end of file: the address space is gone
			return 0, errors.Join(ErrNoProcess, io.ErrUnexpectedEOF)
		case errors.Is(err, unix.EIO):
			return 0, unix.EFAULT
		}
		return 0, err
	}
	return done, nil
}

func iovec(p []byte) []unix.Iovec {
	v := unix.Iovec{}
	if len(p) > 0 {
		v.Base = &p[0]
	}
	v.SetLen(len(p))
	return []unix.Iovec{v}
}

func remote(a Addr, n int) []unix.RemoteIovec {
	return []unix.RemoteIovec{{Base: uintptr(a), Len: n}}
}
