package snapshot

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/tracer"
)

// isolate keeps a twin from doing anything that others can see: memory that it
// shares with others cannot be written any more, and its descriptors are closed, so
// that what the target closes is closed.
func isolate(w *tracer.Process) error {
	maps, err := procmem.ReadMaps(w.PID())
	if err != nil {
		return err
	}
	for _, m := range maps {
		if !m.Shared || !m.Write {
			continue
		}
		prot := uint64(0)
		if m.Read {
			prot = unix.PROT_READ
		}
		if _, err := w.Syscall(w.PID(), unix.SYS_MPROTECT, uint64(m.Start), m.Len(), prot); err != nil {
			return fmt.Errorf("a copy of it would write to shared memory %v of %s: %w", m.Range, m.Path, err)
		}
	}
	return closeAll(w)
}

// closeAll closes all descriptors of a twin. Kernels before 5.9 cannot, and there a
// pipe that the target closes meanwhile stays open until the twin has gone.
func closeAll(w *tracer.Process) error {
	_, err := w.Syscall(w.PID(), unix.SYS_CLOSE_RANGE, 0, uint64(^uint32(0)), 0)
	if errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// harmless says whether a twin may do a system call: one that changes nothing
// outside it, and whose result does not depend on being the target.
func harmless(ev tracer.Event) bool {
	switch ev.Number {
	case unix.SYS_FUTEX:
		const command, wake, wakeOp, wakeBitset = 0x7f, 1, 5, 10
		c := ev.Args[1] & command // to wait for a thread that the twin lacks would be in vain
		return c == wake || c == wakeOp || c == wakeBitset
	case unix.SYS_MMAP:
		return ev.Args[3]&(unix.MAP_ANONYMOUS|unix.MAP_PRIVATE) == unix.MAP_ANONYMOUS|unix.MAP_PRIVATE
	case unix.SYS_MADVISE:
		return ev.Args[2] != unix.MADV_REMOVE
	case unix.SYS_MPROTECT:
		return true
	case unix.SYS_BRK, unix.SYS_MUNMAP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_GETPID, unix.SYS_GETTID,
		unix.SYS_SCHED_YIELD, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN:
		return true
	}
	return false
}
