package restore

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"strings"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// compiler turns what freezing found into a thaw program.
type compiler struct {
	p      *program
	t      *target
	mods   []*module
	load   []*module // to dlopen, in order
	exe    int       // index of a position-independent executable in libs; -1 for another
	index  map[*module]int
	files  map[*module]fileID
	libs   []library
	in     *symbols.Interpreter
	frz    *frozen
	data   wordKnower
	dead   []pyheap.Dead
	script []byte // marshalled thaw script
	fds    []int  // descriptor numbers to reserve
	again  []reopening
	faults *faultHandlers
	idents []procmem.Addr // words that hold the ident of the main thread

	relocs relocations
	keep   map[procmem.Addr]bool // words that stay as the fresh process has them
}

// pthreadKeys is how many pthread keys the stub takes before it creates the
// interpreter's: indices that frozen libraries still hold must not become
// someone else's. glibc keeps the first 32 in the thread itself.
const pthreadKeys = 32

// prepare collects libraries and relocations: all that does not depend on where
// the image holds things.
func (c *compiler) prepare(files map[*module]fileID) error {
	c.index, c.files = map[*module]int{}, files
	c.keep = map[procmem.Addr]bool{}
	c.exe = -1
	for _, m := range c.mods {
		if m.direct {
			continue
		}
		if m.main && !m.moves {
			for _, r := range m.relocs {
				if r.Type == elf.R_X86_64_COPY { // stdin, stdout, stderr, environ: libc's, in the executable
					for o := procmem.Addr(0); o < procmem.Addr(r.SymSize); o += 8 {
						c.keep[m.Bias+r.Off+o] = true
					}
				}
			}
		}
		if m.main && m.File.Type != elf.ET_DYN {
			continue
		}
		id := files[m]
		if m.main {
			c.exe = len(c.libs)
		}
		c.index[m] = len(c.libs)
		c.libs = append(c.libs, library{Name: filepath.Base(m.File.Path), Ino: id.ino, Size: id.size, MtimeNs: id.mtimeNs,
			Base: uint64(m.span.Start), Span: m.span.Len(), Fixed: !m.system})
	}
	if l, ok := vdso(c.frz); ok {
		c.libs = append(c.libs, l)
	}
	c.p = &program{libs: c.libs, libc: -1, ldso: -1, exe: c.exe, pieces: pieces(c.mods)}
	var ld, libc *module
	for m, i := range c.index {
		switch {
		case isLoader(m):
			c.p.ldso, ld = i, m
		case strings.HasPrefix(m.soname, "libc.so"):
			c.p.libc, libc = i, m
		}
	}
	if ld == nil || libc == nil {
		return fmt.Errorf("%s: no glibc in the process", c.in.Exe)
	}
	var err error
	if c.p.sites, err = mmapSites(ld.File); err != nil {
		return err
	}
	c.p.textLo, c.p.textHi = ^uint32(0), 0
	for _, s := range c.p.sites {
		c.p.textLo = min(c.p.textLo, uint32(pageDown(uint64(s))))
		c.p.textHi = max(c.p.textHi, uint32(pageUp(uint64(s)+7)))
	}
	for name, to := range map[string]*uint64{"__libc_start_main": &c.p.startMain, "malloc": &c.p.malloc,
		"free": &c.p.free, "realloc": &c.p.realloc, "malloc_usable_size": &c.p.usable} {
		s, ok := libc.File.Dynsym(name)
		if !ok {
			return fmt.Errorf("%s does not export %s", libc.Path, name)
		}
		*to = uint64(s.Addr)
	}
	c.p.files = fileMaps(c.mods, files)
	lc := c.libs[c.p.libc].Base
	linked := linkedWords(c.mods)
	c.relocs = findRelocations(c.frz, c.libs, [3]uint64{lc + c.p.free, lc + c.p.realloc, lc + c.p.usable}, c.keep, c.data, c.dead, linked)
	return unalignedLink(c.frz, c.libs, linked)
}

// linkedWords gives the words of all modules that ELF relocations describe.
func linkedWords(mods []*module) map[procmem.Addr]bool {
	out := map[procmem.Addr]bool{}
	for _, m := range mods {
		for _, r := range m.relocs {
			out[m.Bias+r.Off] = true
		}
	}
	return out
}

// build writes the program for an image whose segments lie as segs says.
func (c *compiler) build(segs []image.SegmentInfo, exePath string, entry uint64) ([]byte, error) {
	base := *c.p
	p := &base
	p.exePath, p.exeEntry = exePath, entry
	for i, s := range c.frz.segs {
		if !s.early {
			continue
		}
		p.placeEarly(earlyMap{uint64(s.Start), s.Len(), segs[i].FileOff, segs[i].FileSize, s.prot})
		if n := len(p.ranges); n > 0 && p.ranges[n-1][1] == uint64(s.Start) {
			p.ranges[n-1][1] = uint64(s.End)
		} else {
			p.ranges = append(p.ranges, [2]uint64{uint64(s.Start), uint64(s.End)})
		}
	}
	if err := c.libraries(p); err != nil {
		return nil, err
	}
	p.phase("libraries")
	c.memory(p, segs)
	if err := c.filters(p); err != nil {
		return nil, err
	}
	p.phase("memory, relocations")
	if err := c.interpreter(p); err != nil {
		return nil, err
	}
	p.phase("PyOS_AfterFork_Child")
	if err := c.python(p); err != nil {
		return nil, err
	}
	return p.encode()
}

// libc returns the operand for a function of libc.
func (c *compiler) libcFn(name string) (operand, error) {
	for _, m := range c.mods {
		if !m.system {
			continue
		}
		if s, ok := m.File.Dynsym(name); ok {
			return inLib(c.index[m], uint64(s.Addr)), nil
		}
	}
	return operand{}, fmt.Errorf("libc does not export %s", name)
}

// pyFn returns the operand for a function of the interpreter.
func (c *compiler) pyFn(name string) (operand, error) {
	s, ok := c.in.Module.File.Dynsym(name)
	if !ok {
		return operand{}, fmt.Errorf("%s does not export %s", c.in.Module.Path, name)
	}
	return imm(uint64(c.in.Bias + s.Addr)), nil
}

func (c *compiler) libraries(p *program) error {
	const rtldLazy = 1
	dlopen, err := c.libcFn("dlopen")
	if err != nil && len(c.load) > 0 {
		return err
	}
	undo, err := c.stillThreads(p)
	if err != nil {
		return err
	}
	for _, m := range c.load {
		p.call(0, dlopen, p.str(m.Path), imm(rtldLazy))
		p.emit(opFailZ, reg(0))
	}
	undo()
	for _, m := range c.mods {
		if i, ok := c.index[m]; ok && c.libs[i].Fixed {
			p.emit(opLibAt, imm(uint64(i)))
		}
	}
	p.emit(opUnhook)
	return nil
}

// memory restores the writable sections of the interpreter and the libraries.
func (c *compiler) memory(p *program, segs []image.SegmentInfo) {
	var keep []uint64
	for a := range c.keep {
		keep = append(keep, uint64(a))
	}
	sortWords(keep)
	table, room := p.words(keep), p.words(make([]uint64, len(keep)))
	p.emit(opSave, table, imm(uint64(len(keep))), room)
	for i, s := range c.frz.segs {
		if s.Class != procmem.ClassSaved {
			continue
		}
		restoreSaved(p, s, segs[i].FileOff)
	}
	p.emit(opRestore, table, imm(uint64(len(keep))), room)
	p.emit(opReloc, p.words(c.relocs.words), imm(uint64(len(c.relocs.words))))
}

// minMapped is how many bytes of whole pages are worth a mapping of their own.
const minMapped = 4 * 4096

// restoreSaved maps whole pages where there are enough of them and reads the rest.
func restoreSaved(p *program, s frozenSegment, off uint64) {
	lo, hi := uint64(s.Start), uint64(s.End)
	in, out := pageUp(lo), pageDown(hi)
	if out < in || out-in < minMapped {
		p.emit(opPread, imm(lo), imm(hi-lo), imm(off))
		return
	}
	if in > lo {
		p.emit(opPread, imm(lo), imm(in-lo), imm(off))
	}
	p.emit(opMap, imm(in), imm(out-in), imm(off+in-lo), imm(uint64(s.prot)))
	if hi > out {
		p.emit(opPread, imm(out), imm(hi-out), imm(off+out-lo))
	}
}
