package symbols

import (
	"crypto/rand"
	"debug/elf"
	"errors"
	"fmt"
	"os"
)

// openFetched parses what a server has sent; fd is the File's, or closed.
func openFetched(path string, fd *os.File, f *File) (*File, error) {
	d, err := newFile(path, fd)
	if err != nil {
		return nil, err
	}
	switch {
	case d.buildID != f.buildID:
		err = fmt.Errorf("belongs to another build (build-id %q)", d.buildID)
	case !hasDWARF(d):
		err = errors.New("has no .debug_info")
	case !isWhole(d):
		err = errors.New("is cut off: it lacks parts of its sections")
	default:
		return d, nil
	}
	_ = d.Close() // what was written is checked and was synced, or is thrown away
	return nil, err
}

// isWhole says whether all sections lie within the file.
func isWhole(f *File) bool {
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS && (s.Offset > uint64(f.Size) || s.FileSize > uint64(f.Size)-s.Offset) {
			return false
		}
	}
	return true
}

// newDebugFile is a download under way: made with its first byte, renamed when whole.
type newDebugFile struct {
	cache *debugCache
	name  string // "" when there is none
	fd    *os.File
}

// Write appends to the file.
func (n *newDebugFile) Write(p []byte) (int, error) {
	if n.fd == nil {
		n.cache.sweep()
		name := debugCacheFile + "." + rand.Text()
		fd, err := n.cache.own.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return 0, &cacheError{err}
		}
		n.fd, n.name = fd, name
	}
	k, err := n.fd.Write(p)
	if err != nil {
		err = &cacheError{err}
	}
	return k, err
}

// keep checks the whole file and puts it in its place.
func (n *newDebugFile) keep(f *File) (*File, error) {
	if n.fd == nil {
		return nil, errors.New("sent nothing")
	}
	if err := n.fd.Sync(); err != nil { // a rename must not outlive the contents
		return nil, &cacheError{err}
	}
	fd := n.fd
	n.fd = nil
	d, err := openFetched(n.cache.path(), fd, f)
	if err != nil {
		return nil, fmt.Errorf("sent something else: %w", err)
	}
	if err := n.cache.own.Rename(n.name, debugCacheFile); err != nil {
		_ = d.Close()
		return nil, &cacheError{err}
	}
	n.name = ""
	return d, nil
}

// discard removes what was not kept.
func (n *newDebugFile) discard() {
	if n.fd != nil {
		_ = n.fd.Close()
	}
	if n.name != "" {
		_ = n.cache.own.Remove(n.name) // best effort: nothing else is left to do
	}
}
