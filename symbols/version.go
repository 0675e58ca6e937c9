package symbols

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"pyfreeze/procmem"
)

// Version is a Python version. Hex is PY_VERSION_HEX: it also has the release
// level and serial.
type Version struct {
	Major, Minor, Micro int
	Hex                 uint32
}

// String gives "3.11.2", with a suffix for anything but a final release.
func (v Version) String() string {
	s := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Micro)
	if level, ok := map[uint32]string{0xa: "a", 0xb: "b", 0xc: "rc"}[v.Hex>>4&0xf]; ok {
		s += level + strconv.Itoa(int(v.Hex&0xf))
	}
	return s
}

// AtLeast says whether v is that feature version or a later one.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

func versionOfHex(h uint32) Version {
	return Version{int(h >> 24), int(h >> 16 & 0xff), int(h >> 8 & 0xff), h}
}

// debugOffsetsCookie starts _PyRuntime from 3.13 on (_Py_DebugOffsets).
const debugOffsetsCookie = "xdebugpy"

// pythonVersion reads the version out of an interpreter file: from Py_Version
// (3.11+), from _Py_DebugOffsets (3.13+), else from the strings it holds.
func pythonVersion(f *File) (v Version, freeThreaded, ok bool) {
	if s, found := f.anySym("_PyRuntime"); found {
		var b [24]byte // cookie, version, free_threaded
		if f.ReadLink(b[:], s.Addr) == nil && string(b[:8]) == debugOffsetsCookie {
			h := binary.LittleEndian.Uint64(b[8:])
			return versionOfHex(uint32(h)), binary.LittleEndian.Uint64(b[16:]) != 0, true
		}
	}
	if s, found := f.anySym("Py_Version"); found {
		var b [8]byte
		if f.ReadLink(b[:], s.Addr) == nil {
			if h := binary.LittleEndian.Uint64(b[:]); h>>24 == 2 || h>>24 == 3 {
				return versionOfHex(uint32(h)), false, true
			}
		}
	}
	s := f.Section(".rodata")
	if s == nil {
		return Version{}, false, false
	}
	data, err := f.SectionData(s)
	if err != nil {
		return Version{}, false, false
	}
	var major, minor int
	if n, _ := fmt.Sscanf(f.Soname(), "libpython%d.%d", &major, &minor); n == 2 {
		if v, ok = versionOfMinor(data, major, minor); ok {
			return v, false, true
		}
	}
	v, ok = versionInStrings(data)
	return v, false, ok
}

// versionInStrings looks for PY_VERSION of the feature version that a path in
// the file names ("python3.8" of lib/python3.8). Other libraries' versions look
// alike but hardly share both numbers.
func versionInStrings(data []byte) (Version, bool) {
	for _, major := range []int{3, 2} {
		dir := fmt.Appendf(nil, "python%d.", major)
		tried := map[int]bool{}
		for rest := data; ; {
			i := bytes.Index(rest, dir)
			if i < 0 {
				break
			}
			rest = rest[i+len(dir):]
			minor, tail, ok := leadingInt(rest)
			if !ok || len(tail) == 0 || tail[0] != 0 || tried[minor] {
				continue
			}
			tried[minor] = true
			if v, ok := versionOfMinor(data, major, minor); ok {
				return v, true
			}
		}
	}
	return Version{}, false
}

// versionOfMinor looks for a string that is such a version, else for one that
// ends in it: linkers keep a string that is the end of another only once.
func versionOfMinor(data []byte, major, minor int) (best Version, found bool) {
	want := fmt.Appendf(nil, "%d.%d.", major, minor)
	for at := 0; ; at++ {
		j := bytes.Index(data[at:], want)
		if j < 0 {
			return best, found
		}
		at += j
		whole := at == 0 || data[at-1] == 0
		v, ok := parseVersion(data[at:], major, minor, len(want))
		if ok && whole {
			return v, true
		}
		if ok && !found {
			best, found = v, true
		}
	}
}

// parseVersion reads "3.8.18", "3.9.0rc2" or "3.8.1+" up to a NUL; skip is the
// length of "3.8.".
func parseVersion(b []byte, major, minor, skip int) (Version, bool) {
	micro, rest, ok := leadingInt(b[skip:])
	if !ok {
		return Version{}, false
	}
	level, serial := 0xf, 0
	for l, suffix := range map[int]string{0xa: "a", 0xb: "b", 0xc: "rc"} {
		if r, has := bytes.CutPrefix(rest, []byte(suffix)); has {
			level = l
			if serial, rest, ok = leadingInt(r); !ok || serial > 0xf {
				return Version{}, false
			}
			break
		}
	}
	rest, _ = bytes.CutPrefix(rest, []byte("+"))
	if len(rest) == 0 || rest[0] != 0 || micro > 0xff || minor > 0xff {
		return Version{}, false
	}
	hex := uint32(major<<24 | minor<<16 | micro<<8 | level<<4 | serial)
	return Version{major, minor, micro, hex}, true
}

func leadingInt(b []byte) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(b) && i < 4 && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + int(b[i]-'0')
		i++
	}
	return n, b[i:], i > 0
}

// anySym looks in .dynsym, then in the file's own .symtab: an executable may
// hold the interpreter without exporting it.
func (f *File) anySym(name string) (Sym, bool) {
	if s, ok := f.Dynsym(name); ok {
		return s, true
	}
	syms, err := readSymbols(f.Path, f.elf.Symbols)
	if err != nil {
		return Sym{}, false
	}
	for i := range syms {
		if syms[i].Name == name && syms[i].Section != 0 {
			return symOf(&syms[i]), true
		}
	}
	return Sym{}, false
}

// readUint reads a little-endian word of the target.
func readUint(mem procmem.Reader, a procmem.Addr, size int) (uint64, error) {
	var b [8]byte
	if _, err := mem.ReadAt(b[:size], a); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
