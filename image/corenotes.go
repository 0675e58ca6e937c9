package image

import (
	"debug/elf"
	"fmt"
	"strings"
)

// Note types of Linux cores that debug/elf does not name.
const (
	ntAuxv = 6
	ntFile = 0x46494c45
)

const coreOwner = "CORE\x00"

// coreNotes are the standard notes, in the kernel's order: readers take the
// first NT_PRSTATUS for the thread that matters, and what follows an
// NT_PRSTATUS for that thread's.
func coreNotes(c *Content) ([]byte, error) {
	var b []byte
	for i := range c.Threads {
		t := &c.Threads[i]
		b = appendNote(b, coreOwner, uint32(elf.NT_PRSTATUS), prstatus(t))
		if i == 0 {
			var err error
			if b, err = processNotes(b, c); err != nil {
				return nil, err
			}
		}
		b = appendXState(b, t)
	}
	if len(c.Threads) == 0 {
		var err error
		if b, err = processNotes(b, c); err != nil {
			return nil, err
		}
	}
	if len(b) > maxStd {
		return nil, &ContentError{Reason: fmt.Sprintf("the notes about %d threads take %d bytes, at most %d fit", len(c.Threads), len(b), maxStd)}
	}
	return b, nil
}

// processNotes appends the notes that a core has once.
func processNotes(b []byte, c *Content) ([]byte, error) {
	b = appendNote(b, coreOwner, uint32(elf.NT_PRPSINFO), prpsinfo(c))
	if len(c.Auxv)%16 != 0 {
		return nil, &ContentError{Reason: fmt.Sprintf("auxiliary vector of %d bytes is not whole", len(c.Auxv))}
	}
	if len(c.Auxv) > 0 {
		b = appendNote(b, coreOwner, ntAuxv, c.Auxv)
	}
	files, err := fileNote(c.Files)
	if err != nil {
		return nil, err
	}
	return appendNote(b, coreOwner, ntFile, files), nil
}

// fileNote is the desc of NT_FILE: a count, the page size, then start, end and
// page offset of every mapping, then the paths.
func fileNote(files []FileMapping) ([]byte, error) {
	names := 0
	for _, f := range files {
		switch {
		case f.Start >= f.End:
			return nil, &ContentError{Addr: f.Start, Reason: fmt.Sprintf("mapping of %q ends at 0x%x, before it begins", f.Path, f.End)}
		case strings.IndexByte(f.Path, 0) >= 0:
			return nil, &ContentError{Addr: f.Start, Reason: fmt.Sprintf("NUL in the mapped file's path %q", f.Path)}
		}
		if names += len(f.Path) + 1; names > maxNames {
			return nil, &ContentError{Addr: f.Start, Reason: "the paths of the mapped files take too much room"}
		}
	}
	b := make([]byte, 0, 16+24*len(files)+names)
	b = le.AppendUint64(b, uint64(len(files)))
	b = le.AppendUint64(b, pageSize)
	for _, f := range files {
		b = le.AppendUint64(b, f.Start)
		b = le.AppendUint64(b, f.End)
		b = le.AppendUint64(b, f.PageOff)
	}
	for _, f := range files {
		b = append(append(b, f.Path...), 0)
	}
	return b, nil
}
