package refuse

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/restore/libs"
	"pyfreeze/restore/snapshot"
)

// pythonThreads looks for threads of Python besides the main one: a child of a fork() has not got them.
func (t *Target) pythonThreads() (out []Offender) {
	threads, err := t.Heap.Threads()
	if err != nil {
		return nil
	}
	others := map[uint64]bool{}
	for _, th := range threads {
		if !th.IsMain {
			others[th.ThreadID] = true
		}
	}
	active, err := t.Heap.Lookup("threading._active")
	if err != nil {
		return nil // made by _thread alone: nobody waits for them
	}
	items, err := t.Heap.DictItems(active, -1)
	if err != nil {
		return nil
	}
	for _, it := range items {
		ident, err := t.Heap.Int(it.Key)
		if err != nil || !others[uint64(ident)] {
			continue
		}
		kind := "a running thread"
		if d, err := t.Heap.Attr(it.Value, "_daemonic"); err == nil {
			if v, err := t.Heap.Int(d); err == nil && v != 0 {
				kind = "a running daemon thread"
			}
		}
		if a, err := t.Heap.Attr(it.Value, "_name"); err == nil {
			kind += " " + t.Heap.Repr(a, 80)
		}
		out = append(out, Offender{"thread", fmt.Sprintf("threading._active[%d]", ident), kind + ", which a thaw has not",
			"freeze at a function that is called before it is started (--at MODULE:FUNCTION), or keep it (--threads)"})
	}
	return out
}

// nativeThreads looks for threads that are not Python's, where the library that made them does not know of forks.
// Those of the interpreter itself are left out where that is told otherwise.
func (t *Target) nativeThreads(
	c *snapshot.Copy, list []*libs.Library, butInterpreter bool,
) []Offender {
	pythons := map[uint64]bool{}
	threads, err := t.Heap.Threads()
	if err != nil {
		return nil
	}
	for _, th := range threads {
		pythons[th.ThreadID] = true
	}
	type group struct {
		owner string
		names []string
	}
	var groups []group
	for i := range c.Threads {
		th := &c.Threads[i]
		if i == 0 || pythons[th.Regs.Fs_base] {
			continue
		}
		lib := owner(c.Space, c.Maps, list, procmem.Addr(th.Regs.Rsp))
		if lib == nil || knowsForks(lib) || butInterpreter && isInterpreter(lib) {
			continue
		}
		n := slices.IndexFunc(groups, func(g group) bool { return g.owner == lib.Soname })
		if n < 0 {
			n = len(groups)
			groups = append(groups, group{owner: lib.Soname})
		}
		if !slices.Contains(groups[n].names, th.Name) {
			groups[n].names = append(groups[n].names, th.Name)
		}
	}
	var out []Offender
	for _, g := range groups {
		slices.Sort(g.names)
		out = append(out, Offender{"", "", fmt.Sprintf("threads of %s (%s), which does not make them again after a fork", g.owner, strings.Join(g.names, ", ")),
			"freeze at a function that is called before they are made (--at MODULE:FUNCTION), or keep them (--threads)"})
	}
	return out
}

// owner returns the library whose code a thread runs at the bottom of its stack, where the C library called it. The thread's library is
// the first, from the bottom, that is neither the C library nor of the compiler.
func owner(sp *procmem.Space, maps []procmem.Mapping, list []*libs.Library, rsp procmem.Addr) *libs.Library {
	const most = 8 << 20
	end := procmem.Addr(0)
	for i := range maps {
		if maps[i].Contains(rsp) {
			end = maps[i].End
		}
	}
	known := sp.Known(procmem.Range{Start: rsp &^ 7, End: min(end, rsp+most)})
	for i := len(known) - 1; i >= 0; i-- {
		b, err := sp.Bytes(known[i].Start, known[i].Len())
		if err != nil {
			continue
		}
		for off := len(b) &^ 7; off >= 8; off -= 8 {
			a := procmem.Addr(le.Uint64(b[off-8:]))
			l := libs.At(list, a)
			if l == nil || l.System() || strings.HasPrefix(l.Soname, "libstdc++") || !isCode(l, a) {
				continue
			}
			return l
		}
	}
	return nil
}

func isInterpreter(l *libs.Library) bool {
	_, ok := l.File.Dynsym("PyOS_AfterFork_Child")
	return ok
}

func isCode(l *libs.Library, a procmem.Addr) bool {
	for _, p := range l.File.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && uint64(a-l.Bias) >= p.Vaddr && uint64(a-l.Bias) < p.Vaddr+p.Memsz {
			return true
		}
	}
	return false
}

// knowsForks says whether a library registers handlers for a fork on account of its threads: jemalloc, which others have in them, does so
// for its locks alone.
func knowsForks(l *libs.Library) bool {
	registers := false
	_ = l.File.Undefined(func(name string) bool { // without a list it does not
		registers = name == "__register_atfork" || name == "pthread_atfork"
		return !registers
	})
	if !registers {
		return false
	}
	b, err := os.ReadFile(l.File.Path)
	return err == nil && !bytes.Contains(b, []byte("<jemalloc>"))
}
