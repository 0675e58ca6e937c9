package prefix

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/tracer"
)

// Reads is what a program has read from outside before its point. Paths are as it gave them, made
// absolute.
type Reads struct {
	Files map[string]How
	Links map[string]bool // whose targets it read
	// Accesses are what it was told when it asked whether it may use a path: 0, or an error number.
	Accesses map[Access]uint64
	// Env are the variables that it looked for; AllEnv says that it read them all.
	Env    map[string]bool
	AllEnv bool
	Asked  map[string]bool // what it asked the kernel for: AskedCwd and its like
	// What it asked of the standard streams: whether one is a terminal, how large that is, of what
	// kind it is.
	TTY, Size, Kind [3]bool
	// Limits are the resources whose limits it asked for.
	Limits map[uint64]bool
	// Random are the longer pieces of randomness that it got from the system: seeds, perhaps.
	Random [][]byte
	// Who has the file and line of Python that read something first: by path, by the name of a
	// variable, by "*" for all of them, or by what it asked for.
	Who map[string]string

	// Nothing are relative paths at which modules were looked for in vain, where the program was
	// started: such as a directory on sys.path that is not everywhere.
	Nothing map[string]bool

	// Askers are all lines of Python that asked for the working directory.
	Askers map[string]bool

	moved map[int]bool // processes that have gone to a directory that was named in full
}

// How a program has read a path.
type How uint8

// A path may be read in several ways.
const (
	Looked How = 1 << iota // it looked whether and what there is
	Opened                 // it read the file
	Listed                 // it listed the directory
	Import                 // it listed the directory for the modules in it alone
)

// Told is of a path of which the program has all that stat tells: times, mode and owner.
const Told How = 1 << 7

// Access is a question whether a path may be used.
type Access struct {
	Path        string
	Mode, Flags uint64 // of faccessat2(2)
}

// NewReads returns those of a program that has read nothing.
func NewReads() *Reads {
	return &Reads{Files: map[string]How{}, Links: map[string]bool{}, Env: map[string]bool{},
		Asked: map[string]bool{}, Who: map[string]string{}, Limits: map[uint64]bool{}, Accesses: map[Access]uint64{},
		Askers: map[string]bool{}, Nothing: map[string]bool{}, moved: map[int]bool{}}
}

// By notes who read something, unless somebody did before.
func (r *Reads) By(what, who string) {
	if _, ok := r.Who[what]; !ok {
		r.Who[what] = who
	}
}

// AskedPID is its process id, which is another in each thaw and no guard.
const AskedPID = "process id"

// Join adds the variables that another run has looked for.
func (r *Reads) Join(other *Reads) {
	for name := range other.Env {
		r.Env[name] = true
		r.By(name, other.Who[name])
	}
}

// Names of what a program can ask the kernel for, in Who.
const (
	AskedCwd, AskedHost, AskedUser = "working directory", "host", "user"
	AskedCPUs, AskedUmask          = "processors", "umask"
	AskedTTY, AskedSize, AskedKind = "terminal", "size", "kind of stream"
	AskedLimit, AskedNice          = "limit", "priority"
	AskedGroups, AskedScheduling   = "groups", "scheduling"
)

// Note adds what a system call that has returned has read, and returns the name by which Who knows
// it, "" for nothing. importing says that the import system made it.
func (r *Reads) Note(p *Process, c *tracer.Call, importing bool) (what string) {
	if c.Nr == unix.SYS_CHDIR && c.Result == 0 && strings.HasPrefix(p.text(c.Args[0]), "/") {
		r.moved[p.PID] = true
	}
	if what = asked[c.Nr]; what == AskedCwd && r.moved[p.PID] {
		return ""
	}
	if what != "" {
		r.Asked[what] = true
		return what
	}
	if importing {
		if what = r.nothing(p, c); what != "" {
			return what
		}
	}
	switch c.Nr {
	case unix.SYS_GETRLIMIT, unix.SYS_PRLIMIT64, unix.SYS_SETRLIMIT:
		return r.limit(c)
	case unix.SYS_SETPRIORITY:
		if c.Result < 0 {
			r.Asked[AskedNice] = true
			return AskedNice
		}
	case unix.SYS_ACCESS:
		r.access(p, here, c.Args[0], c.Args[1], 0, c.Result)
	case unix.SYS_FACCESSAT:
		r.access(p, c.Args[0], c.Args[1], c.Args[2], 0, c.Result)
	case unix.SYS_FACCESSAT2:
		r.access(p, c.Args[0], c.Args[1], c.Args[2], c.Args[3], c.Result)
	}
	return r.noteFile(p, c, importing)
}

// noteFile is the part of Note that is about files and streams.
func (r *Reads) noteFile(p *Process, c *tracer.Call, importing bool) string {
	switch c.Nr {
	case unix.SYS_GETRANDOM:
		r.random(p, c)
	case unix.SYS_OPEN:
		return r.path(p, here, c.Args[0], Opened, c.Result)
	case unix.SYS_OPENAT, unix.SYS_OPENAT2:
		return r.path(p, c.Args[0], c.Args[1], Opened, c.Result)
	case unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_ACCESS, unix.SYS_STATFS, unix.SYS_CHDIR:
		return r.path(p, here, c.Args[0], Looked, c.Result)
	case unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2:
		if p.text(c.Args[1]) == "" {
			return r.kind(p, c.Args[0], importing)
		}
		return r.path(p, c.Args[0], c.Args[1], Looked, c.Result)
	case unix.SYS_GETXATTR, unix.SYS_LGETXATTR, unix.SYS_LISTXATTR, unix.SYS_LLISTXATTR:
		return r.attributes(p, c)
	case unix.SYS_CONNECT:
		if path := p.service(c); path != "" {
			return r.add(path, Looked)
		}
	case unix.SYS_FSTAT, unix.SYS_LSEEK:
		return r.kind(p, c.Args[0], importing)
	case unix.SYS_READLINK:
		return r.link(p, here, c.Args[0], c.Result)
	case unix.SYS_READLINKAT:
		return r.link(p, c.Args[0], c.Args[1], c.Result)
	case unix.SYS_GETDENTS, unix.SYS_GETDENTS64:
		if how := Listed; c.Result >= 0 {
			if importing {
				how = Import
			}
			return r.add(p.is(c.Args[0]), how)
		}
	case unix.SYS_IOCTL:
		return r.terminal(p, c)
	default:
		if n, at := named(c.Nr); n >= 0 {
			return r.change(p, c, n, at)
		}
	}
	return ""
}

// limit notes that a limit was asked for, or that the hard one has stood against another.
func (r *Reads) limit(c *tracer.Call) string {
	const resources = 16 // RLIM_NLIMITS of include/uapi/asm-generic/resource.h
	resource, asks := c.Args[0], c.Nr == unix.SYS_GETRLIMIT
	if c.Nr == unix.SYS_PRLIMIT64 {
		resource, asks = c.Args[1], c.Args[3] != 0
	}
	if !asks && c.Result >= 0 || resource >= resources {
		return ""
	}
	r.Limits[resource] = true
	return AskedLimit
}

// access notes a question whether a path may be used. That there is nothing is a guard of its own.
func (r *Reads) access(p *Process, dir, at, mode, flags uint64, result int64) {
	path := p.path(dir, at)
	if path == "" || elsewhere(path) || -result == int64(unix.ENOENT) || mode > 7 || flags&unix.AT_EMPTY_PATH != 0 {
		return
	}
	r.Accesses[Access{path, mode, flags}] = uint64(-result)
}

// kind notes that the kind of a stream was asked for. Libraries in C look at all three when they
// are loaded, and make nothing of it.
func (r *Reads) kind(p *Process, fd uint64, importing bool) string {
	if importing {
		return ""
	}
	what := ""
	for _, n := range p.streams(fd) {
		r.Kind[n], what = true, AskedKind
	}
	return what
}

// terminal notes a question of a stream's terminal.
func (r *Reads) terminal(p *Process, c *tracer.Call) (what string) {
	var to *[3]bool
	switch uint32(c.Args[1]) {
	case unix.TCGETS, unix.TCGETS2:
		to, what = &r.TTY, AskedTTY
	case unix.TIOCGWINSZ:
		to, what = &r.Size, AskedSize
	default:
		return ""
	}
	streams := p.streams(c.Args[0])
	for _, n := range streams {
		to[n] = true
	}
	if len(streams) == 0 {
		return ""
	}
	return what
}

// attributes notes that extended attributes were asked for. When one changes, so does what stat
// tells of the file.
func (r *Reads) attributes(p *Process, c *tracer.Call) string {
	path := r.path(p, here, c.Args[0], Looked, c.Result)
	if path != "" && (c.Result >= 0 || c.Result == -int64(unix.ENODATA)) {
		r.Files[path] |= Told
	}
	return path
}

// path adds a path that a call was given.
func (r *Reads) path(p *Process, dir, at uint64, how How, result int64) string {
	ok := result >= 0
	text := p.text(at)
	if text == "" { // of a descriptor: what it is of was opened
		return ""
	}
	path := p.path(dir, at)
	if strings.HasPrefix(path, "/usr/lib/locale/") { // for setlocale(), which looks for these in C
		for _, name := range []string{"LANG", "LANGUAGE", "LC_*"} {
			r.Env[name] = true
		}
		return ""
	}
	if text[0] != '/' && int32(dir) == unix.AT_FDCWD && !r.moved[p.PID] {
		r.Asked[AskedCwd] = true
	}
	if how == Opened && result == -int64(unix.EACCES) {
		r.access(p, dir, at, unix.R_OK, unix.AT_EACCESS, result)
	}
	if !ok {
		how = Looked // there is nothing, or nothing for us
	}
	return r.add(path, how)
}

// nothing notes that a call has looked for modules by a relative path in vain, and returns that; ""
// where it has not.
func (r *Reads) nothing(p *Process, c *tracer.Call) string {
	given, _ := p.Looks(c)
	missing := c.Result == -int64(unix.ENOENT) || c.Result == -int64(unix.ENOTDIR)
	if given == "" || given[0] == '/' || !missing || r.moved[p.PID] || NoFile(given) {
		return ""
	}
	r.Nothing[given] = true
	return given
}

func (r *Reads) link(p *Process, dir, at uint64, result int64) string {
	path := p.path(dir, at)
	if path == "/proc/self/cwd" && result >= 0 {
		r.Asked[AskedCwd] = true
		return AskedCwd
	}
	if path == "" || elsewhere(path) && !strings.HasPrefix(path, "/proc/self/ns/") {
		return ""
	}
	if result < 0 {
		return r.add(path, Looked)
	}
	r.Links[path] = true
	return path
}

func (r *Reads) add(path string, how How) string {
	if path == "" || path[0] != '/' || elsewhere(path) {
		return ""
	}
	if !strings.Contains(path, "..") { // which may lead through a link
		path = filepath.Clean(path)
	}
	r.Files[path] |= how
	return path
}

// NoFile says whether a path ends in what Python calls code that is in no file, such as
// <frozen importlib._bootstrap>, which inspect looks for.
func NoFile(path string) bool {
	base := filepath.Base(path)
	return strings.HasPrefix(base, "<") && strings.HasSuffix(base, ">")
}

// elsewhere says of a path that what is read there is a guard of its own, or is read again:
// shared libraries, by their build-id; byte code, by its source; the locale, which a thaw sets
// again; and what the kernel tells, which is no file that stays the same.
func elsewhere(path string) bool {
	for _, prefix := range []string{"/etc/ld.so.", "/usr/lib/locale/",
		"/usr/lib/x86_64-linux-gnu/gconv/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	if harmless[path] || terminal(path) || path == "/dev/pts" || path == "/dev/ptmx" ||
		strings.HasPrefix(path, "/dev/std") || strings.HasPrefix(path, "/dev/fd") {
		return true
	}
	base := filepath.Base(path)
	return NoFile(path) || ofKernel(path) && !fromKernel(path) || library(base) ||
		strings.HasSuffix(base, ".pyc") || cache(path)
}

// library says whether a file is named like a shared library: libx.so, or libx.so.1.2.
func library(base string) bool {
	_, version, ok := strings.Cut(base, ".so.")
	return strings.HasSuffix(base, ".so") || ok && version != "" && version[0] >= '0' && version[0] <= '9'
}

// random keeps what seeds a generator of the random module: 624 words of 32 bits
// (random_seed_urandom of Modules/_randommodule.c).
func (r *Reads) random(p *Process, c *tracer.Call) {
	const seed, most = 624 * 4, 1000
	if c.Result != seed || len(r.Random) >= most {
		return
	}
	b := make([]byte, seed)
	if _, err := p.Mem.ReadAt(b, procmem.Addr(c.Args[0])); err == nil {
		r.Random = append(r.Random, b)
	}
}
