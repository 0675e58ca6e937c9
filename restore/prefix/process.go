package prefix

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// Process is a process that is stopped at a system call.
type Process struct {
	PID int
	Mem procmem.Reader
	// Streams are what the standard descriptors and the Inherited were open for at the start, as
	// /proc shows it.
	Streams []string
	// Inherited are the descriptors above 2 that it was started with.
	Inherited []int
	// Threads says whether another thread of Python exists, or is about to.
	Threads func() bool
}

// text reads a C string of the process; "" where it cannot be read.
func (p *Process) text(at uint64) string {
	const longest = 4096
	text, _ := procmem.CString(p.Mem, procmem.Addr(at), longest)
	return text
}

// path returns the absolute path that a call was given, by its descriptor of a directory and its
// text, as the process would write it; "" where it cannot be known.
func (p *Process) path(dir, at uint64) string {
	text := p.text(at)
	if text == "" || text[0] == '/' {
		return text
	}
	from := fmt.Sprintf("/proc/%d/cwd", p.PID)
	if int32(dir) != unix.AT_FDCWD {
		from = fmt.Sprintf("/proc/%d/fd/%d", p.PID, int32(dir))
	}
	base, err := os.Readlink(from)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(base, "/") + "/" + text
}

// is says what a descriptor is open for, as /proc shows it; "" where it is closed.
func (p *Process) is(fd uint64) string {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.PID, int32(fd)))
	if err != nil {
		return ""
	}
	return link
}

// given says whether a descriptor came from whoever started the process.
func (p *Process) given(fd uint64) bool {
	n, what := int(int32(fd)), p.is(fd)
	if n < 0 || !slices.Contains(p.Streams, what) {
		return false
	}
	return n <= 2 || slices.Contains(p.Inherited, n) || !harmless[what] // or a copy of one
}

// itself says whether a call names the process, or one of its threads, where 0 stands for it.
func (p *Process) itself(id uint64) bool {
	if int32(id) == 0 || int(int32(id)) == p.PID {
		return true
	}
	_, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", p.PID, int32(id)))
	return err == nil
}

// outside returns where we find a path of the process.
func (p *Process) outside(path string) string {
	return fmt.Sprintf("/proc/%d/root%s", p.PID, path)
}

// exists says whether there is anything at a path of the process, without following a link.
func (p *Process) exists(path string) bool {
	_, err := os.Lstat(p.outside(path))
	return path != "" && err == nil
}

// streams returns which of the standard streams a descriptor stands for: itself, or those that it
// is a copy of.
func (p *Process) streams(fd uint64) (out []uint64) {
	fd = uint64(uint32(fd))
	what := p.is(fd)
	if fd <= 2 && (what == "" || p.given(fd)) { // closed, or not another in its place
		return []uint64{fd}
	}
	if fd <= 2 || !p.given(fd) {
		return nil
	}
	for n := range uint64(3) {
		if p.is(n) == what {
			out = append(out, n)
		}
	}
	return out
}

// cache says whether a path is one of Python's own caches of byte code, the directory of these, or
// what becomes one (_write_atomic() of Lib/importlib/_bootstrap_external.py).
func cache(path string) bool {
	dir, base := filepath.Split(path)
	if base == "__pycache__" {
		return true
	}
	_, behind, ok := strings.Cut(base, ".pyc")
	return ok && filepath.Base(dir) == "__pycache__" && strings.Trim(behind, ".0123456789") == ""
}
