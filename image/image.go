package image

import (
	"fmt"
	"io/fs"
)

// Path returns the path that Open was given.
func (m *Image) Path() string { return m.path }

// Program returns the thaw program. The caller must not change it.
func (m *Image) Program() []byte { return m.program }

// Guards returns what a thaw checks first. The caller must not change it.
func (m *Image) Guards() []byte { return m.guards }

// Segments returns the segments, sorted by address. The caller must not
// change the slice.
func (m *Image) Segments() []SegmentInfo { return m.segs }

// Size returns the length in bytes that the file was written with.
func (m *Image) Size() uint64 { return m.size }

// UID returns the file's owner, as of Open. Thawing an image runs what is in
// it: an image of another user (root excepted) should be refused.
func (m *Image) UID() uint32 { return m.stat.Uid }

// GID returns the file's group, as of Open.
func (m *Image) GID() uint32 { return m.stat.Gid }

// Mode returns the file's permission bits, as of Open. Write makes 0600; an
// image that others can write to should be refused. (With an ACL the group
// bits are its mask: 0022 covers that, too.)
func (m *Image) Mode() fs.FileMode { return fs.FileMode(m.stat.Mode) & fs.ModePerm }

// Close closes the file. What Program and Guards returned stays valid.
func (m *Image) Close() error { return m.f.Close() }

// Extra returns the table of the given type, its checksum checked. The caller
// owns it. Errors: ErrNoTable, *FormatError, *fs.PathError.
func (m *Image) Extra(typ uint32) ([]byte, error) {
	for _, t := range m.tables {
		if t.typ == typ {
			return m.table(t)
		}
	}
	return nil, fmt.Errorf("image %s: table %#x: %w", m.path, typ, ErrNoTable)
}
