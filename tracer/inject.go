package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// syscallTimeout bounds an injected system call.
const syscallTimeout = 10 * time.Second

// Syscall makes a stopped thread do one system call, with up to six arguments,
// and gives its result. All signals are blocked meanwhile; registers and signal
// mask are put back. A failed call gives its syscall.Errno. Other errors:
// *SeccompError, ErrNoSyscall, ErrStepTimeout (it blocked, and was cancelled),
// *ExitError.
//
// Calls that do not return to their caller in the usual way (execve, exit,
// rt_sigreturn, vfork) must not be injected.
func (p *Process) Syscall(tid int, nr uint64, args ...uint64) (ret uint64, err error) {
	err = p.withThread(tid, func(t *thread) error {
		ret, err = p.inject(t, nr, args...)
		return p.settle(t, err)
	})
	return ret, err
}

// inject does Syscall's work, without putting kept signals back.
func (p *Process) inject(t *thread, nr uint64, args ...uint64) (ret uint64, err error) {
	site, err := p.syscallSite()
	if err != nil {
		return 0, err
	}
	unfilter, err := p.suspendSeccomp(t, nr, 0)
	if err != nil {
		return 0, err
	}
	if err := p.keep(t); err != nil {
		return 0, err
	}
	var regs unix.PtraceRegs
	if err := p.getRegs(t, &regs); err != nil {
		return 0, err
	}
	mask, err := p.getMask(t)
	if err != nil {
		return 0, err
	}
	// But SIGTRAP: where it is blocked, the kernel takes the action that the target has set for it
	// away with the first step.
	if err := p.setMask(t, ^uint64(1<<(unix.SIGTRAP-1))); err != nil {
		return 0, err
	}
	ret, err = p.runSyscall(t, regs, site, nr, args)
	if errors.Is(err, ErrNoProcess) {
		return 0, err
	}
	err = joined([]error{err, p.setRegs(t, &regs), p.setMask(t, mask), unfilter()})
	if err != nil {
		return 0, err
	}
	if errno := int64(ret); -4096 < errno && errno < 0 {
		return ret, syscall.Errno(-errno)
	}
	return ret, nil
}

// runSyscall sets the registers for a call and steps over the instruction.
func (p *Process) runSyscall(t *thread, regs unix.PtraceRegs, site procmem.Addr, nr uint64, args []uint64) (uint64, error) {
	if err := setCall(&regs, site, nr, args); err != nil {
		return 0, err
	}
	if err := p.setRegs(t, &regs); err != nil {
		return 0, err
	}
	if err := p.step(t, time.Now().Add(syscallTimeout)); err != nil {
		return 0, err
	}
	if err := p.getRegs(t, &regs); err != nil {
		return 0, err
	}
	if pc(&regs) != site+syscallLen {
		return 0, fmt.Errorf("thread %d is at %v after a system call at %v", t.tid, pc(&regs), site)
	}
	return result(&regs), nil
}

// syscallSite finds a system call instruction, at best in the vDSO, which every
// process has and nothing replaces. The bytes need not be an instruction of the
// code around them: the thread jumps right to them and is stopped right after.
func (p *Process) syscallSite() (procmem.Addr, error) {
	if p.site != 0 {
		return p.site, nil
	}
	maps, err := procmem.ReadMaps(p.pid)
	if err != nil {
		return 0, err
	}
	if len(maps) == 0 {
		return 0, fmt.Errorf("process %d: %w", p.pid, ErrNoProcess)
	}
	for _, wanted := range []string{"[vdso]", "/ld-linux", "/ld.so", "/libc.so", "/libc-", ""} {
		for _, m := range maps {
			if !m.Exec || !m.Read || m.Path == "[vsyscall]" || !strings.Contains(m.Path, wanted) {
				continue
			}
			text := make([]byte, min(m.Len(), 4<<20))
			n, err := p.readMem(text, m.Start)
			if errors.Is(err, ErrNoProcess) {
				return 0, err
			}
			// What else cannot be read cannot be searched.
			if i := bytes.Index(text[:n], syscallInsn); i >= 0 {
				p.site = m.Start + procmem.Addr(i)
				return p.site, nil
			}
		}
	}
	return 0, fmt.Errorf("process %d: %w", p.pid, ErrNoSyscall)
}

// options gives the ptrace options of a process's threads.
func (p *Process) options() uintptr {
	if p.twin {
		return unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESYSGOOD
	}
	if p.dies {
		return unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	}
	return unix.PTRACE_O_TRACEEXEC
}
