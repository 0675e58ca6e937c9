package tracer

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// Registered is what a thread has told the kernel of its own memory.
type Registered struct {
	// Rseq is the address of the thread's struct rseq, 0 if there is none; its length and signature (rseq(2)).
	Rseq             procmem.Addr
	RseqLen, RseqSig uint64
	// Robust is the head of the list of robust futexes, 0 if there is none (set_robust_list(2)).
	Robust    procmem.Addr
	RobustLen uint64
}

// ptraceGetRseq is PTRACE_GET_RSEQ_CONFIGURATION (Linux 5.13; linux/include/uapi/linux/ptrace.h).
const ptraceGetRseq = 0x420f

// Registered reads that of a stopped thread. A kernel that does not tell of rseq gives none.
func (p *Process) Registered(tid int) (r Registered, err error) {
	err = p.withThread(tid, func(t *thread) error {
		var rq struct {
			at              uint64
			size, signature uint32
			flags, pad      uint32
		}
		err := ptracePtr(ptraceGetRseq, t.tid, unsafe.Sizeof(rq), unsafe.Pointer(&rq))
		switch {
		case err == nil:
			r.Rseq, r.RseqLen, r.RseqSig = procmem.Addr(rq.at), uint64(rq.size), uint64(rq.signature)
		case !errors.Is(err, unix.EIO) && !errors.Is(err, unix.EINVAL):
			return p.opError(tid, "read the rseq of", err)
		}
		var head, size uint64
		_, _, e := unix.RawSyscall(unix.SYS_GET_ROBUST_LIST, uintptr(t.tid), uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&size)))
		if e != 0 {
			return p.opError(tid, "read the robust list of", e)
		}
		r.Robust, r.RobustLen = procmem.Addr(head), size
		return nil
	})
	return r, err
}
