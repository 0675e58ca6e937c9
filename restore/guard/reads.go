package guard

import (
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadKind says how a program read something from outside.
type ReadKind uint64

// What a program can read in the file system (READ_ of stub/src/reads.c).
const (
	Absent    ReadKind = 1 + iota // there was nothing at a path
	Directory                     // there was a directory
	Names                         // the names in a directory
	Import                        // those of them that can be imported
	Link                          // the target of a symbolic link
	Other                         // there was something else: A is its type
	Content                       // what a file of the kernel's says: C is of its first 64 KiB
	Status                        // what stat tells: A is the time of change, B mode and owner, C the group
	Access                        // whether it may be used: A is how (AccessOf), B what access said
)

// What a program can ask the kernel for (FACT_ of stub/src/reads.c).
const (
	Cwd        ReadKind = 1 + iota // its working directory
	Host                           // the names of the host and of its kernel
	Terminal                       // whether standard stream A is a terminal: B
	Size                           // the size of the terminal of standard stream A: B
	User                           // its users and groups
	CPUs                           // on which processors it may run
	Umask                          // A
	Stream                         // what standard stream A is: B is its type, as of Other
	Limit                          // its limit of resource A: B is the soft one, C the hard one
	Nice                           // its priority: A, as getpriority(2) returns it in the kernel
	Groups                         // its groups besides: A is how many, C is of all
	Scheduling                     // how it is scheduled: A is the policy, B the priority in it
)

// Read is something that a program read before its point.
type Read struct {
	Kind    ReadKind
	A, B, C uint64 // of a directory: its time in nanoseconds, its inode, the sum of its names
	Text    string // the path, or what else a text tells
}

func (w *writer) reads(l []Read) {
	w.num(uint64(len(l)))
	for _, r := range l {
		w.num(uint64(r.Kind))
		w.num(r.A)
		w.num(r.B)
		w.num(r.C)
		w.str(r.Text)
	}
}

func (r *reader) reads() []Read {
	n := r.count(41)
	var out []Read
	for ; n > 0; n-- {
		out = append(out, Read{ReadKind(r.num()), r.num(), r.num(), r.num(), r.str()})
	}
	return out
}

// ReadOf returns what a path of a kind is now; false where it is not of that kind.
func ReadOf(kind ReadKind, path string) (Read, bool) {
	r := Read{Kind: kind, Text: path}
	if kind == Link {
		target, err := os.Readlink(path)
		r.C = Mix([]byte(target))
		return r, err == nil
	}
	if kind == Content {
		b, err := readStart(path)
		r.C = Mix(b)
		return r, err == nil
	}
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	switch kind {
	case Absent:
		return r, err != nil
	case Other:
		r.A = uint64(st.Mode & unix.S_IFMT)
		return r, err == nil
	case Status:
		r.A, r.B, r.C = uint64(st.Mtim.Nano()), uint64(st.Mode)|uint64(st.Uid)<<32, uint64(st.Gid)
		return r, err == nil
	}
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return r, false
	}
	if kind != Directory {
		r.A, r.B, r.C = uint64(st.Mtim.Nano()), st.Ino, sum(path, kind == Import)
	}
	return r, true
}

// maxContent is how much of a file of the kernel's is compared.
const maxContent = 64 << 10

// readStart reads as much of a file as is compared. It waits for nothing.
func readStart(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	b, n := make([]byte, maxContent), 0
	for n < len(b) {
		got, err := unix.Read(fd, b[n:])
		if got <= 0 || err != nil {
			break
		}
		n += got
	}
	return b[:n], nil
}

// holds says whether a program would read the same now.
func (r *Read) holds(strict bool) bool {
	if r.Kind == Access {
		return AccessOf(r.Text, r.A) == r.B
	}
	now, ok := ReadOf(r.Kind, r.Text)
	switch r.Kind {
	case Status:
		return ok && now == *r
	case Absent, Directory:
		return ok
	case Other:
		return ok && now.A == r.A
	case Names, Import: // what has not changed has the same names
		return ok && (!strict && now.A == r.A && now.B == r.B || now.C == r.C)
	}
	return ok && now.C == r.C
}

// sum is of the names in a directory, whatever their order.
func sum(path string, importing bool) (out uint64) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return 1
	}
	for _, e := range entries {
		if !importing || importable(path, e) {
			out += Mix([]byte(e.Name()))
		}
	}
	return out
}

// importable says whether an entry of a directory could be a module, a package, or what site looks
// for. A directory without __init__.py is none, but for an import that finds nothing else.
func importable(dir string, e fs.DirEntry) bool {
	name := e.Name()
	if !e.Type().IsRegular() && unix.Access(dir+"/"+name+"/__init__.py", unix.F_OK) == nil {
		return true
	}
	for _, end := range []string{".py", ".pyc", ".so", ".pth", ".zip", ".egg"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// Mix is FNV-1a, mixed: without that the last byte of a string changes little of its hash, and
// sums of hashes were often equal, as of A=1 B=2 and A=2 B=1. mix() of stub/src/launch.h.
func Mix(b []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	h = (h ^ h>>32) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// Fact returns what this process has of a kind; a is the stream, for those that are of one.
func Fact(kind ReadKind, a uint64) Read {
	r := Read{Kind: kind, A: a}
	switch kind {
	case Cwd:
		b := make([]byte, 4096)
		if n, err := unix.Getcwd(b); err == nil && n > 0 { // as the kernel tells it
			r.Text = string(b[:n-1])
		}
	case Host:
		var u unix.Utsname
		if unix.Uname(&u) == nil {
			r.Text = unix.ByteSliceToString(u.Nodename[:])
			r.C = Mix([]byte(unix.ByteSliceToString(u.Release[:])))
		}
	case Terminal:
		if _, err := unix.IoctlGetTermios(int(a), unix.TCGETS); err == nil {
			r.B = 1
		}
	case Size:
		r.B = ^uint64(0)
		if w, err := unix.IoctlGetWinsize(int(a), unix.TIOCGWINSZ); err == nil {
			r.B = uint64(w.Row) | uint64(w.Col)<<16 | uint64(w.Xpixel)<<32 | uint64(w.Ypixel)<<48
		}
	case Stream:
		var st unix.Stat_t
		if unix.Fstat(int(a), &st) == nil {
			r.B = uint64(st.Mode & unix.S_IFMT)
		}
	case User:
		r.A = uint64(unix.Getuid())<<32 | uint64(unix.Geteuid())
		r.B = uint64(unix.Getgid())<<32 | uint64(unix.Getegid())
	case CPUs:
		var set unix.CPUSet
		if unix.SchedGetaffinity(0, &set) == nil {
			var b []byte
			for _, word := range set {
				b = le.AppendUint64(b, uint64(word))
			}
			r.C = Mix([]byte(strings.TrimRight(string(b), "\x00")))
		}
	case Umask:
		old := unix.Umask(0o77)
		unix.Umask(old)
		r.A = uint64(old)
	default:
		r.ofProcess()
	}
	return r
}

// others says what a fact of this kind that is another means.
var others = map[ReadKind]string{
	Cwd:    "the program has looked where it runs, and that was elsewhere",
	Host:   "the program has asked for the host's name, which was another, or its kernel",
	Size:   "the terminal had another size",
	Stream: "a standard stream was of another kind: a file, a pipe, a terminal",
	User:   "the program has asked for its user, which was another",
	CPUs:   "the program has counted its processors, which were others",
	Umask:  "the program has asked for its umask, which was another",
	Limit:  "the program has asked for a limit, which was another",
	Nice:   "the program has asked for its priority, which was another",
	Groups: "the program has asked for its groups, which were others",

	Scheduling: "the program has asked how it is scheduled, which was otherwise",
}

// counts returns what tells facts of a kind apart.
func (r Read) counts(kind ReadKind) Read {
	switch kind {
	case Cwd:
		return Read{Text: r.Text}
	case Host:
		return Read{Text: r.Text, C: r.C}
	case Terminal, Size, Stream:
		return Read{B: r.B}
	case User, Scheduling:
		return Read{A: r.A, B: r.B}
	case Limit:
		return Read{B: r.B, C: r.C}
	case Groups:
		return Read{A: r.A, C: r.C}
	case CPUs:
		return Read{C: r.C}
	}
	return Read{A: r.A}
}

// other says what is another now than a fact has it; "" where it is the same.
func (r *Read) other() string {
	a := r.A
	if r.Kind == User || r.Kind == Umask || r.Kind >= Nice {
		a = 0
	}
	now := Fact(r.Kind, a)
	if r.Kind == Limit && a == unix.RLIMIT_NOFILE && now.B == now.C {
		now.B = r.B // Go's runtime has raised it: what it was cannot be told here
	}
	known := others[r.Kind] != "" || r.Kind == Terminal
	switch {
	case known && now.counts(r.Kind) == r.counts(r.Kind):
		return ""
	case r.Kind == Terminal && r.B != 0:
		return "a standard stream was a terminal"
	case r.Kind == Terminal:
		return "a standard stream was no terminal"
	case !known:
		return "it needs something that this pyfreeze does not know"
	}
	return others[r.Kind]
}
