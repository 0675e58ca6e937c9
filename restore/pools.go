package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// Libraries such as OpenBLAS keep threads of their own, which a thaw has not. Those that can live with fork() end them in a handler of
// pthread_atfork, and make new ones when there is work. So a command is taken through the handlers of a fork before it is frozen,
// and what threads are left then are a reason to refuse.

// endPools calls the C library's fork() in the stopped main thread, but for the making of the child: _Fork (glibc 2.34) returns -1. The
// handlers are those for before a fork and for the parent after it.
func (s *started) endPools(ctx context.Context) error {
	pid := s.p.PID()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil || len(tasks) < 2 {
		return err
	}
	fork, bare, err := s.forkFunctions()
	if err != nil || bare == 0 {
		return err
	}
	regs, err := s.p.Regs(pid)
	if err != nil {
		return err
	}
	xstate, err := s.p.XState(pid)
	if err != nil {
		return err
	}
	for i := range tracer.Watches {
		if err := s.p.ClearWatch(i); err != nil {
			return err
		}
	}
	const watchFork, watchBack = 0, 1
	if err := s.p.SetWatch(watchFork, bare, tracer.WatchExecute); err != nil {
		return err
	}
	if err := s.p.SetWatch(watchBack, procmem.Addr(regs.Rip), tracer.WatchExecute); err != nil {
		return err
	}
	const redZone = 128
	call := regs
	call.Rip, call.Orig_rax = uint64(fork), ^uint64(0)
	call.Rsp = (regs.Rsp-redZone)&^15 - 8 // as a call leaves it
	var back [8]byte
	le.PutUint64(back[:], regs.Rip)
	if _, err := s.p.WriteAt(back[:], procmem.Addr(call.Rsp)); err != nil {
		return err
	}
	if err := s.p.SetRegs(pid, call); err != nil {
		return err
	}
	for {
		ev, err := s.proceed(ctx, "did not come back from the handlers of a fork")
		if err != nil {
			return err
		}
		if ev.Hit[watchBack] {
			break
		}
		if !ev.Hit[watchFork] {
			return fmt.Errorf("%s: it executed another program in a handler of a fork", s.o.Command[0])
		}
		if err := s.failCall(pid); err != nil {
			return err
		}
	}
	for _, n := range []int{watchFork, watchBack} {
		if err := s.p.ClearWatch(n); err != nil {
			return err
		}
	}
	return errors.Join(s.p.SetXState(pid, xstate), s.p.SetRegs(pid, regs))
}

// failCall makes the function that a thread has just entered return -1 at once.
func (s *started) failCall(pid int) error {
	regs, err := s.p.Regs(pid)
	if err != nil {
		return err
	}
	var back [8]byte
	if _, err := s.p.ReadAt(back[:], procmem.Addr(regs.Rsp)); err != nil {
		return err
	}
	regs.Rip, regs.Rax, regs.Rsp = le.Uint64(back[:]), ^uint64(0), regs.Rsp+8
	return s.p.SetRegs(pid, regs)
}

// forkFunctions gives the addresses of fork and _Fork; 0 where the C library has none.
func (s *started) forkFunctions() (fork, bare procmem.Addr, err error) {
	maps, err := procmem.ReadMaps(s.p.PID())
	if err != nil {
		return 0, 0, err
	}
	mods, err := symbols.ModulesIn(maps, s.live)
	defer symbols.CloseModules(mods)
	if err != nil {
		return 0, 0, err
	}
	for _, m := range mods {
		if !strings.HasPrefix(m.File.Soname(), "libc.so") {
			continue
		}
		f, ok := m.File.Dynsym("fork")
		b, ok2 := m.File.Dynsym("_Fork")
		if ok && ok2 {
			fork, bare = m.Bias+f.Addr, m.Bias+b.Addr
		}
	}
	return fork, bare, nil
}

// refusePools refuses threads that are not Python's where a library makes threads. native is the number of threads of the process.
func refusePools(mods []*module, native, pythons int) []Offender {
	if native <= pythons {
		return nil
	}
	var makers []string
	for _, m := range mods {
		if makesThreads(m) {
			makers = append(makers, m.soname)
		}
	}
	if len(makers) == 0 {
		return nil // one of Python's that ends
	}
	slices.Sort(makers)
	return []Offender{{"native-thread", "", fmt.Sprintf("%d threads of a library (%s), which a thaw would wait for", native-pythons, strings.Join(slices.Compact(makers), ", ")),
		"freeze before they are made, tell the library to make none (OPENBLAS_NUM_THREADS=1, OMP_NUM_THREADS=1), or start the program by pyfreeze freeze, which has libraries end them as for a fork"}}
}

// makesThreads says whether a library, not the interpreter, calls for threads.
func makesThreads(m *module) bool {
	if m.main || m.system || strings.HasPrefix(m.soname, "libpython") {
		return false
	}
	return slices.ContainsFunc(m.relocs, func(r symbols.Reloc) bool { return r.Undef && r.Sym == "pthread_create" })
}

// stillThreads makes pthread_create do nothing, successfully, while a thaw loads libraries whose constructors would make threads: what
// they know of these is replaced by what the frozen ones knew, which are gone. It gives what puts the function back.
func (c *compiler) stillThreads(p *program) (undo func(), err error) {
	makes := false
	for m := range c.index {
		makes = makes || makesThreads(m)
	}
	at, err := c.libcFn("pthread_create")
	if !makes || err != nil {
		return func() {}, nil // before glibc 2.34 in libpthread: refused there, see endPools
	}
	const (
		sysMprotect = 10
		was         = 1            // register
		succeed     = 0xc3c031     // xor %eax,%eax; ret
		page        = uint64(4096) // which the eight bytes may cross
	)
	start := operand{at.kind, at.v &^ (page - 1)}
	protect := func(prot uint32) {
		p.emitTo(0, opSyscall, imm(sysMprotect), start, imm(2*page), imm(uint64(prot)))
		p.emit(opFailNZ, reg(0))
	}
	protect(protRead | protWrite | protExec)
	p.emitTo(was, opLoad64, at)
	p.emit(opStore64, at, imm(succeed))
	return func() {
		p.emit(opStore64, at, reg(was))
		protect(protRead | protExec)
	}, nil
}
