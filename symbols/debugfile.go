package symbols

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// DebugDirEnv names the environment variable with a colon-separated list of
// directories that FindDebug searches before the system's.
const DebugDirEnv = "PYFREEZE_DEBUG_DIR"

const systemDebugDir = "/usr/lib/debug"

// FindDebug returns the path of the file that has f's DWARF: f itself when it
// is embedded, else a detached file found by build-id or .gnu_debuglink, else
// what a server of $DEBUGINFOD_URLS has. A candidate whose build-id or checksum
// differs is passed over. The error is a *MissingDebugError.
func FindDebug(f *File) (path string, err error) {
	d, err := openDebug(context.Background(), f, false)
	if err != nil {
		return "", err
	}
	if d != f {
		_ = d.Close() // only read
	}
	return d.Path, nil
}

// openDebug opens the file that FindDebug finds, or returns f. What is optional is asked of
// servers with less patience.
func openDebug(ctx context.Context, f *File, optional bool) (*File, error) {
	if hasDWARF(f) {
		return f, nil
	}
	miss := &MissingDebugError{Path: f.Path, BuildID: f.buildID}
	name, crc, hasLink := f.debugLink()
	for _, c := range debugCandidates(f, name, hasLink) {
		miss.Searched = append(miss.Searched, c.path)
		st, err := os.Stat(c.path)
		if err != nil || os.SameFile(st, f.stat()) {
			continue
		}
		d, why := openCandidate(c, f, crc)
		if why != "" {
			miss.Rejected = append(miss.Rejected, c.path+" "+why)
			continue
		}
		return d, nil
	}
	return fromDebuginfod(ctx, f, optional, miss)
}

type debugCandidate struct {
	path   string
	byLink bool // named by .gnu_debuglink: its checksum must fit
}

// debugCandidates lists where a detached debug file may be, in order.
func debugCandidates(f *File, link string, hasLink bool) []debugCandidate {
	var out []debugCandidate
	dirs := append(filepath.SplitList(os.Getenv(DebugDirEnv)), systemDebugDir)
	if id := f.buildID; len(id) > 2 {
		for _, d := range dirs {
			if d != "" {
				out = append(out, debugCandidate{filepath.Join(d, ".build-id", id[:2], id[2:]+".debug"), false})
			}
		}
	}
	if !hasLink {
		return out
	}
	add := func(elem ...string) {
		out = append(out, debugCandidate{filepath.Join(elem...), true})
	}
	own := []string{filepath.Dir(f.Path)}
	if real, err := filepath.EvalSymlinks(f.Path); err == nil && filepath.Dir(real) != own[0] {
		own = append(own, filepath.Dir(real))
	}
	for _, o := range own {
		add(o, link)
		add(o, ".debug", link)
	}
	for _, d := range dirs {
		if d == "" {
			continue
		}
		if d != systemDebugDir {
			add(d, link)
		}
		for _, o := range own {
			if filepath.IsAbs(o) {
				add(d, o, link)
			}
		}
	}
	return out
}

// openCandidate opens a candidate, or says why it does not fit f.
func openCandidate(c debugCandidate, f *File, crc uint32) (*File, string) {
	d, err := Open(c.path)
	if err != nil {
		return nil, "cannot be read: " + err.Error()
	}
	why := ""
	switch {
	case f.buildID != "" && d.buildID != "" && f.buildID != d.buildID:
		why = "belongs to another build (build-id " + d.buildID + ")"
	case !hasDWARF(d):
		why = "has no .debug_info"
	case c.byLink:
		got, err := fileCRC(d)
		if err != nil {
			why = "cannot be read: " + err.Error()
		} else if got != crc {
			why = fmt.Sprintf("has checksum %08x, want %08x: it belongs to another build", got, crc)
		}
	}
	if why != "" {
		_ = d.Close() // only read
		return nil, why
	}
	return d, ""
}

func fileCRC(f *File) (uint32, error) {
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, io.NewSectionReader(f.f, 0, f.Size)); err != nil {
		return 0, err
	}
	return h.Sum32(), nil
}

func (f *File) stat() os.FileInfo {
	st, _ := f.f.Stat() // nil compares as another file
	return st
}

func hasDWARF(f *File) bool {
	s := f.elf.Section(".debug_info")
	return s != nil && s.Type != elf.SHT_NOBITS && s.Size > 0
}

// debugLink returns file name and CRC-32 from .gnu_debuglink.
func (f *File) debugLink() (name string, crc uint32, ok bool) {
	s := f.elf.Section(".gnu_debuglink")
	if s == nil || s.Size > 4096 {
		return "", 0, false
	}
	b, err := f.SectionData(s)
	if err != nil || len(b) < 8 {
		return "", 0, false
	}
	name, _, found := strings.Cut(string(b), "\x00")
	off := (len(name) + 4) &^ 3 // past the NUL, padded to four
	// A name with a slash would let the file choose any path.
	if !found || name == "" || strings.ContainsRune(name, '/') || off+4 > len(b) {
		return "", 0, false
	}
	return name, binary.LittleEndian.Uint32(b[off:]), true
}
