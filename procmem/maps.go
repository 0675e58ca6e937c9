package procmem

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Mapping is one line of /proc/PID/maps.
type Mapping struct {
	Range
	Read, Write, Exec bool
	Shared            bool
	Offset            uint64 // in the file, bytes
	Major, Minor      uint32 // of the file's device
	Inode             uint64
	// Path is the file's name without the kernel's " (deleted)", a pseudo-name
	// such as "[heap]", or empty for anonymous memory.
	Path    string
	Deleted bool // the file has been unlinked
}

// Limits of what is accepted: the kernel's own are far lower (65,530 mappings
// by default, paths of 4 KiB of which every byte may be escaped).
const (
	maxMappings = 1 << 22
	maxMapsLine = 1 << 16
)

// Perms gives the permissions as /proc/PID/maps writes them, such as "r-xp".
func (m *Mapping) Perms() string {
	p := []byte("---p")
	for i, set := range []bool{m.Read, m.Write, m.Exec, m.Shared} {
		if set {
			p[i] = "rwxs"[i]
		}
	}
	return string(p)
}

// ReadMaps reads the mappings of a process, in address order. The list is
// consistent only while the process is stopped. A process without an address
// space (a zombie, a kernel thread) has no mappings, and that is no error. The
// error wraps ErrNoProcess when there is no such process.
func ReadMaps(pid int) ([]Mapping, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, procError(pid, err)
	}
	maps, err := ParseMaps(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("/proc/%d/maps: %w", pid, err)
	}
	return maps, nil
}

// ParseMaps reads text in the form of /proc/PID/maps. A line that is not of
// that form gives a [*MapsError].
func ParseMaps(r io.Reader) ([]Mapping, error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), maxMapsLine)
	var maps []Mapping
	for n := 1; sc.Scan(); n++ {
		m, reason := parseMapsLine(sc.Text())
		if reason == "" && len(maps) == maxMappings {
			reason = "too many mappings"
		}
		if reason != "" {
			return nil, &MapsError{Line: n, Text: shorten(sc.Text()), Reason: reason}
		}
		maps = append(maps, m)
	}
	if err := sc.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, &MapsError{Line: len(maps) + 1, Reason: "line too long"}
		}
		return nil, err
	}
	return maps, nil
}

// parseMapsLine reads one line; reason is empty when it is well-formed.
func parseMapsLine(line string) (m Mapping, reason string) {
	rng, rest, _ := strings.Cut(line, " ")
	perms, rest, _ := strings.Cut(rest, " ")
	offset, rest, _ := strings.Cut(rest, " ")
	dev, rest, _ := strings.Cut(rest, " ")
	inode, path, _ := strings.Cut(rest, " ")

	start, end, ok := strings.Cut(rng, "-")
	if !ok {
		return m, "no address range"
	}
	var bad bool
	hex := func(s string, bits int) uint64 {
		v, err := strconv.ParseUint(s, 16, bits)
		bad = bad || err != nil
		return v
	}
	m.Start, m.End = Addr(hex(start, 64)), Addr(hex(end, 64))
	if bad || m.Start >= m.End {
		return m, "bad address range"
	}
	if reason := parsePerms(&m, perms); reason != "" {
		return m, reason
	}
	m.Offset = hex(offset, 64)
	if bad {
		return m, "bad file offset"
	}
	major, minor, ok := strings.Cut(dev, ":")
	m.Major, m.Minor = uint32(hex(major, 32)), uint32(hex(minor, 32))
	if bad || !ok {
		return m, "bad device number"
	}
	ino, err := strconv.ParseUint(inode, 10, 64)
	if err != nil {
		return m, "bad inode number"
	}
	m.Inode = ino
	m.Path, m.Deleted = parseMapsPath(path)
	return m, ""
}

func parsePerms(m *Mapping, perms string) (reason string) {
	if len(perms) != 4 {
		return "bad permissions"
	}
	for i, p := range []*bool{&m.Read, &m.Write, &m.Exec} {
		switch perms[i] {
		case "rwx"[i]:
			*p = true
		case '-':
		default:
			return "bad permissions"
		}
	}
	switch perms[3] {
	case 's', 'S':
		m.Shared = true
	case 'p':
	default:
		return "bad permissions"
	}
	return ""
}

// parseMapsPath undoes what the kernel does to a name: it pads it on the left,
// writes a newline as \012 (and escapes nothing else, not even the backslash)
// and appends " (deleted)" to the name of an unlinked file.
func parseMapsPath(s string) (path string, deleted bool) {
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, "/") {
		s, deleted = strings.CutSuffix(s, " (deleted)")
	}
	return strings.ReplaceAll(s, `\012`, "\n"), deleted
}

func shorten(s string) string {
	const limit = 120
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}
