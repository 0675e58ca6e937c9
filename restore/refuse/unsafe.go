package refuse

import (
	"debug/elf"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/libs"
	"pyfreeze/restore/snapshot"
	"pyfreeze/symbols"
)

// allocating are the system calls that the C library makes while it holds a lock of its own.
var allocating = []uint64{unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_BRK}

// callers are the functions of the C library that make these calls. A stop takes effect where a
// call returns: that is where a thread is found.
var callers = []string{"mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "sbrk"}

// Unsafe looks for threads that may hold a lock of the C library, or the one of imports, in a copy that was made without the handlers of a fork: a
// thaw that leaves these threads out would wait for them.
func (t *Target) Unsafe(c *snapshot.Copy, list []*libs.Library) (out []Offender) {
	const remedy = "freeze it again, at another moment"
	for i := 1; i < len(c.Threads); i++ {
		th := &c.Threads[i]
		pc := procmem.Addr(th.Regs.Rip)
		code, err := c.Space.Bytes(pc, 2)
		inCall := err == nil && code[0] == 0x0f && code[1] == 0x05
		lib := libs.At(list, pc)
		if inCall && slices.Contains(allocating, th.Regs.Rax) || !inCall && lib != nil && inMalloc(lib, pc-lib.Bias) {
			out = append(out, Offender{What: fmt.Sprintf("thread %d (%s) inside malloc or free", th.Tid, th.Name), Remedy: remedy})
		}
	}
	main := c.Threads[0].Regs.Fs_base
	if at, _, err := t.Field(t.Interp, "PyInterpreterState", "imports.lock.thread"); err == nil { // 3.12 (gh-99113)
		if owner, err := t.Space.U64(at); err == nil && owner+1 > 1 && owner != main {
			out = append(out, Offender{What: "another thread that is importing a module", Remedy: remedy})
		}
	}
	for _, s := range t.Layout.Symbols("import_lock_thread") { // Python/import.c, static
		if owner, err := t.Space.U64(t.Bias + s.Addr); err == nil && owner+1 > 1 && owner != main {
			out = append(out, Offender{What: "another thread that is importing a module", Remedy: remedy})
		}
	}
	return out
}

// inMalloc says whether an address is in the text of malloc.o of the C library: between the
// exported functions before and behind its own, or in one that it calls for memory.
func inMalloc(l *libs.Library, at procmem.Addr) bool {
	first, ok := l.File.Dynsym("malloc")
	last, ok2 := l.File.Dynsym("malloc_info")
	if !ok || !ok2 || !l.System() {
		return false
	}
	for _, name := range callers {
		if s, ok := l.File.Dynsym(name); ok && at >= s.Addr && at < s.Addr+procmem.Addr(s.Size) {
			return true
		}
	}
	from, to := procmem.Addr(0), ^procmem.Addr(0)
	err := l.File.Dynsyms(func(s symbols.Sym) {
		if s.Type != elf.STT_FUNC || s.Addr == 0 {
			return
		}
		if s.Addr < first.Addr {
			from = max(from, s.Addr+procmem.Addr(s.Size))
		}
		if s.Addr > last.Addr {
			to = min(to, s.Addr)
		}
	})
	return err == nil && at >= from && at < to
}

// hookedChild notices the debug hooks of the allocator in CPython 3.8, in which a fork's child
// crashes at its end: it frees by the hooks what _PyRuntimeState_ReInitThreads (Python/pystate.c)
// has allocated without them. From 3.9 on that is no more so (bpo-40089).
func (t *Target) hookedChild(c *snapshot.Copy) []Offender {
	const fixed = 9
	if c.Interp == nil || c.Interp.Version.Minor >= fixed {
		return nil
	}
	const raw = 0xfdfdfdfdfdfdfd00 | 'r' // as _PyMem_DebugRawAlloc of Objects/obmalloc.c marks what it gives
	if mark, err := t.Space.U64(t.Interp - 8); err != nil || mark != raw {
		return nil
	}
	const what = "the debug hooks of the allocator (-X dev, PYTHONMALLOC=debug), with which a child " +
		"of a fork crashes in CPython 3.8"
	return []Offender{{"", "", what, "start it without them"}}
}
