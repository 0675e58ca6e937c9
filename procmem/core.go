package procmem

import (
	"bytes"
	"fmt"
	"sort"

	"golang.org/x/sys/unix"
)

// Core is an ELF core file: gcore's, the kernel's, or a pyfreeze image.
type Core struct {
	Space   *Space
	Files   []FileNote
	Threads []CoreThread // the main thread first, when the writer kept that order
	Auxv    map[uint64]uint64
	Pid     int    // 0 when the core does not say
	Psargs  string // start of the command line, at most 80 bytes
	Image   bool   // it is a pyfreeze image
	// Signal is the one that ended the process; nil when there was none (gcore) or the core does
	// not say.
	Signal *CoreSignal
	// Lacks says what memory is missing that a core usually has.
	Lacks Lacking
}

// FileNote is one mapped file that the core names (NT_FILE).
type FileNote struct {
	Range
	Offset uint64 // of Start in the file, bytes
	Path   string
	// Err says why the file did not supply memory that the core left out; nil
	// when it did, or when nothing was left out.
	Err error
}

// CoreThread is one thread's state at the time of the dump (NT_PRSTATUS).
type CoreThread struct {
	Tid    int
	Regs   unix.PtraceRegs
	Signal int // that it was ended by, or 0
}

// Close releases the core's memory; see [Space.Close].
func (c *Core) Close() error { return c.Space.Close() }

// LoadCore opens an ELF core file of this machine's architecture. The file is
// mapped, not read. Memory that the dump left out and that NT_FILE names comes
// from the files, as far as these still exist and look the same. A file that is
// no core, or is broken, gives a [*CoreError]; of one that is cut short, Lacks says what is
// missing.
func LoadCore(path string) (*Core, error) {
	f, st, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open core file: %w", err)
	}
	defer f.Close()
	size, packedCut := st.Size, false
	head := make([]byte, 8)
	n, _ := f.ReadAt(head, 0) // a short file is told below
	if p := packingOf(head[:n]); p != nil {
		whole, cut, err := unpack(path, f, p)
		if err != nil {
			return nil, err
		}
		defer whole.Close()
		st, err := whole.Stat()
		if err != nil {
			return nil, err
		}
		f, size, packedCut = whole, st.Size(), cut
	}
	if size < ehdrSize {
		return nil, &CoreError{Path: path, Reason: "too short for an ELF file"}
	}
	data, err := mmapFile(f, size, 0, uint64(size))
	if err != nil {
		return nil, err
	}
	core, err := parseCore(path, data, int(f.Fd()))
	if err != nil {
		_ = unix.Munmap(data)
		return nil, err
	}
	core.Lacks.Cut = core.Lacks.Cut || packedCut
	core.Space.owned = append(core.Space.owned, data)
	return core, nil
}

// parseCore makes a Core of a core file's bytes, which the Core goes on using. fd is the open file, or -1.
func parseCore(path string, data []byte, fd int) (*Core, error) {
	l := &coreLoader{path: path, data: data, fd: fd, auxv: map[uint64]uint64{}}
	core, err := l.load()
	if err != nil {
		for _, m := range l.owned {
			_ = unix.Munmap(m)
		}
		return nil, err
	}
	core.Space.owned = l.owned
	return core, nil
}

// coreLoader is one LoadCore under way.
type coreLoader struct {
	path  string
	data  []byte // the whole core file
	fd    int    // of it
	owned [][]byte

	image   bool // has pyfreeze's own notes
	files   []FileNote
	threads []CoreThread
	auxv    map[uint64]uint64
	pid     int
	psargs  string

	signal *CoreSignal
	lacks  Lacking

	firsts map[string]Addr // see firstPages
}

func (l *coreLoader) fail(offset uint64, format string, args ...any) error {
	return &CoreError{Path: l.path, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// slice gives n bytes of the file at off.
func (l *coreLoader) slice(off, n uint64, what string) ([]byte, error) {
	size := uint64(len(l.data))
	if off > size || n > size-off {
		return nil, l.fail(off, "%s (%d bytes) reaches beyond the end of the file (%d bytes): the file is cut short or broken", what, n, size)
	}
	return l.data[off : off+n : off+n], nil
}

func (l *coreLoader) load() (*Core, error) {
	progs, err := l.progs()
	if err != nil {
		return nil, err
	}
	for _, p := range progs {
		if p.typ == ptNote {
			if err := l.notes(p); err != nil {
				return nil, err
			}
		}
	}
	sort.SliceStable(l.files, func(i, j int) bool { return l.files[i].Start < l.files[j].Start })
	for i := 1; i < len(l.files); i++ {
		if l.files[i].Start < l.files[i-1].End {
			return nil, &CoreError{Path: l.path, Reason: "NT_FILE entries", Err: &OverlapError{l.files[i-1].Range, l.files[i].Range}}
		}
	}
	segs, err := l.segments(progs)
	if err != nil {
		return nil, err
	}
	l.nameKernels(segs)
	sp, err := NewSpace(segs)
	if err != nil {
		return nil, &CoreError{Path: l.path, Reason: "bad segments", Err: err}
	}
	return &Core{Space: sp, Files: l.files, Threads: l.threads, Auxv: l.auxv, Pid: l.pid, Psargs: l.psargs, Image: l.image,
		Signal: l.crash(), Lacks: l.lacks}, nil
}

// cstring gives the text before the first NUL.
func cstring(p []byte) string {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		p = p[:i]
	}
	return string(p)
}
