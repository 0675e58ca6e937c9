package memory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/snapshot"
)

const (
	page    = 4096
	redZone = 128
	// joined is how many clean pages between two others come along: a mapping costs more than they do.
	joined = 16
)

var le = binary.LittleEndian

// how a piece of memory comes back.
type how uint8

const (
	mapped how = iota // from the image, page by page as it is used
	read              // copied from the image, into anonymous memory
	shown             // in the image for inspection alone
)

// piece is memory that the image holds.
type piece struct {
	procmem.Range
	data []byte
	how  how
	prot uint32
}

// region is a mapping that a thaw makes, before pieces come over it.
type region struct {
	procmem.Mapping
	file   int // of Memory.Files; -1: anonymous
	stack  bool
	needed bool // not all of it is covered by mapped pieces
	advice []uint32
	flags  uint32 // of mmap, for anonymous memory
}

// File is a file that memory is mapped from.
type File struct {
	Path                    string
	Dev, Ino, Size, MtimeNs uint64
}

// Shared is memory that a thaw cannot bring back, because others have a part in it.
type Shared struct {
	procmem.Mapping
	What string
}

// Memory is all the memory of an image.
type Memory struct {
	Files []File
	// VDSO are the mappings of the vDSO, its text last; VDSOSum is the checksum of the text.
	VDSO    []procmem.Range
	VDSOSum uint32
	// Words are addresses of words that point into the vDSO; bit 0 is set where the page is not writable.
	Words []uint64
	// StackLow and StackEnd are the used part of the main stack; StackFloor is what it must not grow below.
	StackLow, StackEnd, StackFloor procmem.Addr
	// Bytes of each kind that the image holds.
	Mapped, Read uint64

	space   *procmem.Space
	regions []region
	pieces  []piece
	base    []mappedFile
}

// mappedFile is the memory of a file, to compare with.
type mappedFile struct{ data []byte }

// Gather decides about every page of a copy. known is memory whose owners never ask the kernel for zeros in its place; malloc's own is found.
// The Memory refers to the copy's memory. Errors: those of files that are mapped.
func Gather(c *snapshot.Copy, known []procmem.Range) (*Memory, error) {
	m := &Memory{space: c.Space}
	g := &gatherer{m: m, c: c, files: map[string]int{}, known: slices.Clone(known)}
	defer g.close()
	slices.SortFunc(g.known, func(a, b procmem.Range) int { return cmpAddr(a.Start, b.Start) })
	for i := range c.Maps {
		if err := g.add(i); err != nil {
			return nil, err
		}
	}
	if m.StackEnd == 0 {
		return nil, errors.New("the process has no main stack")
	}
	slices.SortFunc(m.pieces, func(a, b piece) int { return cmpAddr(a.Start, b.Start) })
	m.vdsoWords()
	return m, c.Space.Err()
}

func cmpAddr(a, b procmem.Addr) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

type gatherer struct {
	m     *Memory
	c     *snapshot.Copy
	files map[string]int
	maps  [][]byte        // to unmap
	known []procmem.Range // of allocators, in order
}

func (g *gatherer) close() {
	for _, b := range g.maps {
		_ = unix.Munmap(b) // nothing can be done about it
	}
}

func (g *gatherer) flagged(m *procmem.Mapping, flag string) bool {
	return slices.Contains(g.c.Flags[m.Start], flag)
}

// add decides about one mapping.
func (g *gatherer) add(i int) error {
	m := &g.c.Maps[i]
	forked := g.c.Kind == snapshot.Forked
	switch {
	case m.Path == "[vsyscall]":
		return nil
	case strings.HasPrefix(m.Path, "[v"), m.Path == "[uprobes]":
		return g.addKernel(m)
	case forked && g.flagged(m, "dc"): // MADV_DONTFORK: a child has it not
		return nil
	}
	if unshareable(m) != "" {
		return nil
	}
	r := region{Mapping: *m, file: -1, flags: unix.MAP_PRIVATE | unix.MAP_NORESERVE}
	if m.Inode != 0 && !m.Deleted && strings.HasPrefix(m.Path, "/") {
		n, err := g.file(m)
		if err != nil {
			return err
		}
		r.file = n
	}
	wiped := g.flagged(m, "dp") || forked && g.flagged(m, "wf") // MADV_WIPEONFORK: a child finds zeros
	if g.flagged(m, "dp") {
		const droppable = 0x08 // MAP_DROPPABLE (Linux 6.11)
		r.flags = droppable
	}
	for _, a := range []struct {
		flag   string
		advice uint32
	}{{"wf", unix.MADV_WIPEONFORK}, {"dd", unix.MADV_DONTDUMP}, {"dc", unix.MADV_DONTFORK}, {"hg", unix.MADV_HUGEPAGE}, {"nh", unix.MADV_NOHUGEPAGE},
		{"mg", unix.MADV_MERGEABLE}, {"rr", unix.MADV_RANDOM}, {"sr", unix.MADV_SEQUENTIAL}} {
		if g.flagged(m, a.flag) {
			r.advice = append(r.advice, a.advice)
		}
	}
	switch {
	case m.Path == "[stack]":
		g.addStack(&r, i)
	case wiped:
		r.needed = true
	case r.file >= 0:
		g.addFilePages(&r)
	default:
		g.addAnonymous(&r)
	}
	g.m.regions = append(g.m.regions, r)
	return nil
}

// Unshareable lists the memory of a process that a thaw cannot bring back. uncopied is what its
// copy lacks.
func Unshareable(maps, uncopied []procmem.Mapping) (out []Shared) {
	for _, m := range uncopied {
		out = append(out, Shared{m, "memory that no child is given (MADV_DONTFORK)"})
	}
	for i := range maps {
		if what := unshareable(&maps[i]); what != "" && !strings.HasPrefix(maps[i].Path, "[v") {
			out = append(out, Shared{maps[i], what})
		}
	}
	return out
}

// unshareable says why memory cannot be brought back; "" when it can.
func unshareable(m *procmem.Mapping) string {
	switch {
	case strings.HasPrefix(m.Path, "anon_inode:"), strings.HasPrefix(m.Path, "/dev/") && m.Path != "/dev/zero" && !strings.HasPrefix(m.Path, "/dev/shm/"):
		return "memory of a device"
	case m.Shared && m.Write:
		return "shared writable memory"
	case m.Shared && (m.Deleted || m.Inode == 0):
		return "shared memory"
	}
	return ""
}

// addStack keeps the used part of the main stack.
func (g *gatherer) addStack(r *region, i int) {
	low := r.Start
	if rsp := procmem.Addr(g.c.Threads[0].Regs.Rsp); r.Contains(rsp) {
		low = max(low, (rsp-redZone)&^(page-1))
	}
	floor := procmem.Addr(page)
	if i > 0 {
		floor = g.c.Maps[i-1].End + 256*page
	}
	r.stack = true
	g.m.StackLow, g.m.StackEnd, g.m.StackFloor = low, r.End, min(floor, low)
	for _, k := range g.c.Space.Known(procmem.Range{Start: low, End: r.End}) {
		if b, err := g.c.Space.Bytes(k.Start, k.Len()); err == nil {
			g.m.pieces = append(g.m.pieces, piece{k, b, read, prot(&r.Mapping)})
		}
	}
}

// addAnonymous keeps what is not zero.
func (g *gatherer) addAnonymous(r *region) {
	if r.Read || r.Write || r.Exec {
		covered := uint64(0)
		for _, k := range g.c.Space.Known(r.Range) {
			for _, part := range g.byOwner(k) {
				b, err := g.c.Space.View(part.Start, part.Len())
				if err != nil {
					continue
				}
				covered += g.addRuns(r, part.Start, b, pyheap.MappedChunks(part.Len(), g.words(part.Start)))
			}
		}
		r.needed = covered < r.Len()
		return
	}
	r.needed = true
}

// byOwner splits memory where that of an allocator begins and ends: the kernel joins neighbours
// to one mapping.
func (g *gatherer) byOwner(r procmem.Range) (out []procmem.Range) {
	i := sort.Search(len(g.known), func(i int) bool { return g.known[i].End > r.Start })
	for ; i < len(g.known) && g.known[i].Start < r.End; i++ {
		for _, at := range []procmem.Addr{g.known[i].Start, g.known[i].End} {
			if at > r.Start && at < r.End {
				out = append(out, procmem.Range{Start: r.Start, End: at})
				r.Start = at
			}
		}
	}
	return append(out, r)
}

// addRuns adds the pieces of anonymous memory that are not zero. It returns how much of it mapped pieces cover.
func (g *gatherer) addRuns(r *region, at procmem.Addr, b []byte, chunks []uint64) (covered uint64) {
	starts := map[procmem.Addr]bool{} // of blocks that malloc has mapped
	next := at
	for _, n := range chunks {
		starts[next] = true
		next += procmem.Addr(n)
	}
	for _, run := range nonZero(g.m.space, at, b) {
		for run.Len() > 0 {
			part, kind := run, read
			switch {
			case starts[run.Start]:
				// Its first page is anonymous, the rest is mapped: a realloc that would grow it by mremap finds two mappings
				// and copies. It would have grown into what follows in the image.
				part.End = min(run.Start+page, run.End)
			case len(chunks) > 0:
				kind = mapped
				for a := run.Start + page; a < run.End; a += page {
					if starts[a] {
						part.End = a
						break
					}
				}
			default:
				if i := sort.Search(len(g.known), func(i int) bool { return g.known[i].End > run.Start }); i < len(g.known) {
					switch k := g.known[i]; {
					case k.Contains(run.Start):
						kind, part.End = mapped, min(run.End, k.End)
					case k.Start < run.End:
						part.End = k.Start
					}
				}
			}
			if kind == mapped {
				covered += part.Len()
			}
			g.m.pieces = append(g.m.pieces, piece{part, b[part.Start-at : part.End-at], kind, prot(&r.Mapping)})
			run.Start = part.End
		}
	}
	return covered
}

// words gives two words at an offset from an address.
func (g *gatherer) words(at procmem.Addr) func(off uint64) [2]uint64 {
	return func(off uint64) (w [2]uint64) {
		if seg, ok := g.c.Space.Find(at + procmem.Addr(off)); ok {
			b := seg.Peek(uint64(at-seg.Start) + off)
			w = [2]uint64{le.Uint64(b[:]), le.Uint64(b[8:])}
		}
		return w
	}
}

// nonZero returns the runs of pages of b, which begins at an address, that are not all zero; short
// runs of zero pages between come along. b is a view.
func nonZero(space *procmem.Space, at procmem.Addr, b []byte) (out []procmem.Range) {
	zero := make([]byte, page)
	piecewise(space, at, b, func(at procmem.Addr, b []byte) {
		for off := 0; off < len(b); off += page {
			end := min(off+page, len(b))
			if bytes.Equal(b[off:end], zero[:end-off]) {
				continue
			}
			a := at + procmem.Addr(off)
			if n := len(out); n > 0 && uint64(a-out[n-1].End) <= joined*page {
				out[n-1].End = a + page
			} else {
				out = append(out, procmem.Range{Start: a, End: a + page})
			}
		}
	})
	return out
}

// piecewise gives a view in pieces, of which no more than one is held at a time. What cannot be
// read fails when the image is written.
func piecewise(space *procmem.Space, at procmem.Addr, b []byte, look func(procmem.Addr, []byte)) {
	const held = 1 << 20
	for off := 0; off < len(b); off += held {
		part, a := b[off:min(off+held, len(b))], at+procmem.Addr(off)
		if space != nil {
			_ = space.Have(a, uint64(len(part))) // Space.Err keeps it
		}
		look(a, part)
		if space != nil {
			space.Evict(procmem.Range{Start: a, End: a + procmem.Addr(len(part))})
		}
	}
}

// addFilePages keeps the pages of a private file mapping that differ from the file.
func (g *gatherer) addFilePages(r *region) {
	r.needed = true
	if r.Shared || !r.Read && !r.Write && !r.Exec {
		return
	}
	covered := uint64(0)
	file := g.m.base[r.file].data
	within := func(off uint64) []byte {
		if off >= uint64(len(file)) {
			return nil
		}
		return file[off:min(off+page, uint64(len(file)))]
	}
	gap := procmem.Addr(joined * page)
	if !r.Write {
		gap = 0 // every page that comes along could as well be shared
	}
	for _, k := range g.c.Space.Known(r.Range) {
		if seg, ok := g.c.Space.Find(k.Start); ok && !seg.Copied && seg.End >= k.End {
			continue // it is the file itself
		}
		b, err := g.c.Space.Bytes(k.Start, k.Len())
		if err != nil {
			continue
		}
		var runs []procmem.Range
		for off := uint64(0); off < uint64(len(b)); off += page {
			a := k.Start + procmem.Addr(off)
			mine := b[off:min(off+page, uint64(len(b)))]
			theirs := within(r.Offset + uint64(a-r.Start))
			if len(theirs) > 0 && bytes.HasPrefix(mine, theirs) && allZero(mine[len(theirs):]) {
				continue
			}
			if n := len(runs); n > 0 && a-runs[n-1].End <= gap {
				runs[n-1].End = a + page
			} else {
				runs = append(runs, procmem.Range{Start: a, End: a + page})
			}
		}
		for _, run := range runs {
			g.m.pieces = append(g.m.pieces, piece{run, b[run.Start-k.Start : run.End-k.Start], mapped, prot(&r.Mapping)})
			covered += run.Len()
		}
	}
	r.needed = covered < r.Len()
}

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// file finds the file of a mapping, or -1 where its path leads to another one now.
func (g *gatherer) file(m *procmem.Mapping) (int, error) {
	if n, ok := g.files[m.Path]; ok {
		return n, nil
	}
	n := -1
	fd, err := unix.Open(m.Path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err == nil {
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return -1, fmt.Errorf("%s: %w", m.Path, err)
		}
		if st.Ino == m.Inode && unix.Major(st.Dev) == m.Major && unix.Minor(st.Dev) == m.Minor && st.Mode&unix.S_IFMT == unix.S_IFREG {
			var data []byte
			if st.Size > 0 {
				if data, err = unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_PRIVATE); err != nil {
					return -1, fmt.Errorf("mapping %s: %w", m.Path, err)
				}
				g.maps = append(g.maps, data)
			}
			n = len(g.m.Files)
			g.m.Files = append(g.m.Files, File{m.Path, st.Dev, st.Ino, uint64(st.Size), uint64(st.Mtim.Nano())})
			g.m.base = append(g.m.base, mappedFile{data})
		}
	}
	g.files[m.Path] = n
	return n, nil
}

// prot returns the rights of a mapping as mmap takes them.
func prot(m *procmem.Mapping) (p uint32) {
	if m.Read {
		p |= unix.PROT_READ
	}
	if m.Write {
		p |= unix.PROT_WRITE
	}
	if m.Exec {
		p |= unix.PROT_EXEC
	}
	return p
}
