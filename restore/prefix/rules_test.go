package prefix

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/tracer"
)

// fake is the memory of a process that makes calls: pieces by address. Behind each lies nothing.
type fake map[uint64][]byte

func (f fake) ReadAt(b []byte, a procmem.Addr) (int, error) {
	for at, piece := range f {
		if uint64(a) >= at && uint64(a) < at+uint64(len(piece)) {
			if n := copy(b, piece[uint64(a)-at:]); n < len(b) {
				return n, &procmem.ReadError{Addr: a + procmem.Addr(n)}
			}
			return len(b), nil
		}
	}
	return 0, &procmem.ReadError{Addr: a}
}

// put adds a piece, on a page of its own, and returns where it lies.
func (f fake) put(piece []byte) uint64 {
	at := uint64(0x10000 * (len(f) + 1))
	f[at] = piece
	return at
}

// text adds a C string, which ends its page.
func (f fake) text(s string) uint64 {
	page := append([]byte(s), make([]byte, 4096-len(s)%4096)...)
	return f.put(page)
}

// words adds numbers of 64 bits.
func (f fake) words(v ...uint64) uint64 {
	var b bytes.Buffer
	_ = binary.Write(&b, le, v) // into memory
	return f.put(b.Bytes())
}

const nobody = uint64(0xdead000) // where nothing lies

// Descriptors of a caller.
const (
	stdin  = iota // a pipe
	stdout        // a file
	stderr        // /dev/null
	given         // a file that it was started with
	own           // a file that it has opened
	ownPipe
	ownMemory
	copyOfOut
	ownNull
	directory
	closed = 30
)

// caller is a real process with descriptors, whose calls and memory are made up.
func caller(t *testing.T, dir string) (*Process, fake) {
	t.Helper()
	open := func(name string, flags int) *os.File {
		f, err := os.OpenFile(name, flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	pipe := func() *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r
	}
	memory, err := unix.MemfdCreate("x", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	out := open(filepath.Join(dir, "out"), os.O_CREATE|os.O_RDWR)
	cmd := exec.Command("/bin/sleep", "600")
	cmd.Dir, cmd.Stdin, cmd.Stdout = dir, pipe(), out
	cmd.ExtraFiles = []*os.File{open(filepath.Join(dir, "given"), os.O_CREATE|os.O_RDWR),
		open(filepath.Join(dir, "own"), os.O_CREATE|os.O_RDWR), pipe(),
		os.NewFile(uintptr(memory), "x"), out, open("/dev/null", os.O_RDWR),
		open(filepath.Join(dir, "sub"), os.O_RDONLY)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // reports the kill
	})
	mem := fake{}
	p := &Process{PID: cmd.Process.Pid, Mem: mem, Inherited: []int{given}}
	for _, fd := range []uint64{stdin, stdout, stderr, given} {
		p.Streams = append(p.Streams, p.is(fd))
	}
	return p, mem
}

// tree makes what the calls are about.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sub", "__pycache__"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"f", "sub/g"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// cwd is AT_FDCWD, as a register has it.
const cwd = uint64(here)

// TestRules has the effect of each kind of call, by its arguments, in words.
func TestRules(t *testing.T) {
	dir := tree(t)
	p, mem := caller(t, dir)
	text, nr := mem.text, func(n, a, b, c uint64) [4]uint64 { return [4]uint64{n, a, b, c} }
	long := mem.text("/" + strings.Repeat("x/", 2040) + "f") // across two pages
	sockaddr := func(family uint16, rest string) uint64 {
		return mem.put(append(le.AppendUint16(nil, family), rest+strings.Repeat("\x00", 120)...))
	}
	loop6 := strings.Repeat("\x00", 6+15) + "\x01"
	none := text("none")
	for _, c := range []struct {
		call [4]uint64
		want string
	}{
		// Reading takes from what others have in common with the program.
		{nr(unix.SYS_READ, stdin, 0, 1), "reads its standard input"},
		{nr(unix.SYS_READ, given, 0, 1), "reads descriptor 3"},
		{nr(unix.SYS_PREAD64, stdout, 0, 1), "reads descriptor 1"},
		{nr(unix.SYS_READV, copyOfOut, 0, 1), "reads descriptor 7"},
		{nr(unix.SYS_READ, own, 0, 1), ""},
		{nr(unix.SYS_READ, ownPipe, 0, 1), ""},
		{nr(unix.SYS_READ, closed, 0, 1), ""},
		{nr(unix.SYS_READ, 1<<32-1, 0, 1), ""},
		{nr(unix.SYS_READ, 1<<32, 0, 1), "reads its standard input"}, // an int, in 64 bits
		{nr(unix.SYS_SENDFILE, ownPipe, stdin, 0), "reads its standard input"},
		{nr(unix.SYS_SENDFILE, ownMemory, given, 0), "reads descriptor 3"},
		{nr(unix.SYS_SENDFILE, ownMemory, own, 0), ""},
		{nr(unix.SYS_SENDFILE, stdout, own, 0), "writes to its standard output"},
		{nr(unix.SYS_SPLICE, ownPipe, 0, ownPipe), "moves data"},
		// Writing is seen by those who have the file.
		{nr(unix.SYS_WRITE, stdout, 0, 1), "writes to its standard output"},
		{nr(unix.SYS_WRITE, stderr, 0, 1), "writes to its standard error"}, // the starter's, what it is
		{nr(unix.SYS_WRITE, stdin, 0, 1), "writes to its standard input"},
		{nr(unix.SYS_WRITE, stdout, 0, 0), ""},
		{nr(unix.SYS_FTRUNCATE, stdout, 0, 0), "writes to its standard output"},
		{nr(unix.SYS_FTRUNCATE, stdout, 5, 0), "writes to its standard output"},
		{nr(unix.SYS_WRITE, given, 0, 1), "writes to descriptor 3"},
		{nr(unix.SYS_WRITE, copyOfOut, 0, 1), "writes to descriptor 7"},
		{nr(unix.SYS_WRITE, own, 0, 1), "writes to " + dir + "/own"},
		{nr(unix.SYS_FCHMOD, own, 0, 0), "writes to " + dir + "/own"},
		{nr(unix.SYS_WRITE, ownPipe, 0, 1), ""},
		{nr(unix.SYS_PWRITE64, ownMemory, 0, 1), ""},
		{nr(unix.SYS_WRITE, ownNull, 0, 1), ""},
		{nr(unix.SYS_WRITE, closed, 0, 1), ""},
		{nr(unix.SYS_LSEEK, stdout, 0, unix.SEEK_CUR), ""},
		{nr(unix.SYS_LSEEK, stdout, 0, unix.SEEK_SET), "moves in descriptor 1"},
		{nr(unix.SYS_LSEEK, stdout, 1, unix.SEEK_CUR), "moves in descriptor 1"},
		{nr(unix.SYS_LSEEK, own, 9, unix.SEEK_SET), ""},
		// Opening.
		{nr(unix.SYS_OPEN, text("f"), unix.O_RDONLY, 0), ""},
		{nr(unix.SYS_OPEN, text("f"), unix.O_RDWR, 0), "opens " + dir + "/f to write"},
		{nr(unix.SYS_OPEN, none, unix.O_CREAT, 0), "opens " + dir + "/none to write"},
		{nr(unix.SYS_OPEN, text("f"), unix.O_TRUNC, 0), "opens " + dir + "/f to write"},
		{nr(unix.SYS_OPEN, text("f"), unix.O_PATH|unix.O_RDWR, 0), ""},
		{nr(unix.SYS_CREAT, text("f"), 0, 0), "opens " + dir + "/f to write"},
		{nr(unix.SYS_OPEN, text("fifo"), 0, 0), "opens " + dir + "/fifo"},
		{nr(unix.SYS_OPEN, text("/dev/tty"), 0, 0), "opens /dev/tty"},
		{nr(unix.SYS_OPEN, text("/dev/null"), unix.O_WRONLY, 0), ""},
		{nr(unix.SYS_OPEN, nobody, unix.O_WRONLY, 0), ""}, // fails
		{nr(unix.SYS_OPEN, long, unix.O_RDONLY, 0), ""},
		{nr(unix.SYS_OPENAT, directory, text("g"), unix.O_WRONLY), "opens " + dir + "/sub/g to write"},
		{nr(unix.SYS_OPENAT, cwd, text("f"), unix.O_WRONLY), "opens " + dir + "/f to write"},
		{nr(unix.SYS_OPENAT, ^uint64(99), text("f"), unix.O_WRONLY), "opens " + dir + "/f to write"},
		{nr(unix.SYS_OPENAT2, cwd, text("f"), mem.words(unix.O_WRONLY, 0, 0)), "opens " + dir + "/f to write"},
		{nr(unix.SYS_OPENAT2, cwd, text("f"), mem.words(0, 0, 0)), ""},
		{nr(unix.SYS_OPENAT2, cwd, text("f"), nobody), ""},
		// Caches of byte code are nobody's matter; what else lies there is.
		{nr(unix.SYS_OPEN, text("__pycache__/a.cpython-311.pyc.140"), unix.O_CREAT|unix.O_WRONLY, 0), ""},
		{nr(unix.SYS_RENAME, text("__pycache__/a.pyc.140"), text("__pycache__/a.pyc"), 0), ""},
		{nr(unix.SYS_MKDIR, text("sub/__pycache__"), 0, 0), ""},
		{nr(unix.SYS_OPEN, text("__pycache__/data.json"), unix.O_CREAT|unix.O_WRONLY, 0),
			"opens " + dir + "/__pycache__/data.json to write"},
		{nr(unix.SYS_MKDIR, text("__pycache__/d"), 0, 0), "makes " + dir + "/__pycache__/d"},
		{nr(unix.SYS_OPEN, text("x.pyc"), unix.O_CREAT|unix.O_WRONLY, 0), "opens " + dir + "/x.pyc to write"},
		{nr(unix.SYS_OPEN, text("__pycache__/a.pyc.bak"), unix.O_CREAT|unix.O_WRONLY, 0),
			"opens " + dir + "/__pycache__/a.pyc.bak to write"},
		// Making and changing files: what fails is none.
		{nr(unix.SYS_MKDIR, none, 0, 0), "makes " + dir + "/none"},
		{nr(unix.SYS_MKDIR, text("sub"), 0, 0), ""},
		{nr(unix.SYS_MKDIRAT, directory, text("new"), 0), "makes " + dir + "/sub/new"},
		{nr(unix.SYS_MKDIRAT, directory, text("g"), 0), ""},
		{nr(unix.SYS_SYMLINK, text("f"), none, 0), "makes " + dir + "/none"},
		{nr(unix.SYS_SYMLINK, none, text("f"), 0), ""},
		{nr(unix.SYS_SYMLINK, none, text("dangling"), 0), ""},
		{nr(unix.SYS_SYMLINKAT, text("f"), directory, text("n")), "makes " + dir + "/sub/n"},
		{nr(unix.SYS_LINK, text("f"), text("f"), 0), "links a file"},
		{nr(unix.SYS_UNLINK, text("dangling"), 0, 0), "removes " + dir + "/dangling"},
		{nr(unix.SYS_UNLINK, none, 0, 0), ""},
		{nr(unix.SYS_UNLINKAT, directory, text("g"), 0), "removes " + dir + "/sub/g"},
		{nr(unix.SYS_UNLINKAT, directory, text("f"), 0), ""},
		{nr(unix.SYS_RENAME, text("f"), none, 0), "renames " + dir + "/f"},
		{nr(unix.SYS_RENAMEAT2, cwd, none, cwd), ""},
		{nr(unix.SYS_CHMOD, text(dir+"/f"), 0, 0), "changes the mode of " + dir + "/f"},
		{nr(unix.SYS_TRUNCATE, none, 0, 0), ""},
		{nr(unix.SYS_FCHOWNAT, directory, text("g"), 0), "changes the owner of " + dir + "/sub/g"},
		{nr(unix.SYS_UTIMENSAT, cwd, text("f"), 0), "sets the time of " + dir + "/f"},
		{nr(unix.SYS_UTIMENSAT, own, 0, 0), "sets the time of " + dir + "/own"},
		{nr(unix.SYS_LSETXATTR, text("f"), 0, 0), "sets an attribute of " + dir + "/f"},
		{nr(unix.SYS_FSETXATTR, given, 0, 0), "writes to descriptor 3"},
		// What is known of descriptors.
		{nr(unix.SYS_FCNTL, own, unix.F_SETLK, 0), "locks a file"},
		{nr(unix.SYS_FCNTL, own, unix.F_OFD_SETLKW, 0), "locks a file"},
		{nr(unix.SYS_FCNTL, stdin, unix.F_SETFL, 0), "changes descriptor 0"},
		{nr(unix.SYS_FCNTL, stdin, unix.F_SETPIPE_SZ, 1<<16), "sets the size of a pipe"},
		{nr(unix.SYS_FCNTL, ownPipe, unix.F_SETSIG, 10), "asks for signals of a descriptor"},
		{nr(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 9, 0), "sets an attribute of its process (prctl 1)"},
		{nr(unix.SYS_PRCTL, unix.PR_SET_NAME, 0, 0), ""}, {nr(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, 0), ""},
		{nr(unix.SYS_FCNTL, ownPipe, unix.F_SETFL, 0), ""},
		{nr(unix.SYS_FCNTL, stdin, unix.F_SETFD, 1), ""},
		{nr(unix.SYS_FCNTL, stdin, unix.F_DUPFD_CLOEXEC, 0), ""},
		{nr(unix.SYS_FCNTL, directory, unix.F_NOTIFY, 0), "watches a directory"},
		{nr(unix.SYS_IOCTL, stdout, unix.TCGETS, 0), ""},
		{nr(unix.SYS_IOCTL, stdout, unix.TCGETS2, 0), ""},
		{nr(unix.SYS_IOCTL, stdout, unix.TCSETS, 0), "controls " + dir + "/out"},
		{nr(unix.SYS_IOCTL, stdin, unix.TIOCINQ, 0), "looks whether descriptor 0 is ready"},
		{nr(unix.SYS_IOCTL, ownPipe, unix.TIOCINQ, 0), ""},
		{nr(unix.SYS_IOCTL, stdout, 0x5421, 0), "controls " + dir + "/out"}, // FIONBIO
		{nr(unix.SYS_IOCTL, own, 0x5421, 0), ""},
		{nr(unix.SYS_IOCTL, stdout, 0x5451, 0), ""}, // FIOCLEX
		// Waiting.
		{nr(unix.SYS_POLL, mem.words(ownPipe|1<<32, stdin|1<<32), 2, 0), "looks whether descriptor 0 is ready"},
		{nr(unix.SYS_POLL, mem.words(ownPipe|1<<32, stdin|1<<32), 1, 0), ""},
		{nr(unix.SYS_POLL, mem.words(1<<32-1), 1, 0), ""},
		{nr(unix.SYS_PPOLL, nobody, 1<<60, 0), ""},
		{nr(unix.SYS_PPOLL, 0, 0, 0), ""},
		{nr(unix.SYS_SELECT, 8, mem.words(1<<given, 0), 0), "looks whether descriptor 3 is ready"},
		{nr(unix.SYS_PSELECT6, 8, 0, mem.words(1<<ownPipe, 0)), ""},
		{nr(unix.SYS_SELECT, given, mem.words(1<<given, 0), 0), ""}, // one too few
		{nr(unix.SYS_SELECT, ^uint64(0), nobody, nobody), ""},
		{nr(unix.SYS_EPOLL_CTL, ownPipe, unix.EPOLL_CTL_ADD, stdin), "looks whether descriptor 0 is ready"},
		{nr(unix.SYS_EPOLL_CTL, stdin, unix.EPOLL_CTL_ADD, ownPipe), ""},
		// Sockets.
		{nr(unix.SYS_BIND, own, sockaddr(unix.AF_INET, "\x00\x00\x7f\x00\x00\x01"), 16), ""},
		{nr(unix.SYS_BIND, own, sockaddr(unix.AF_INET, "\x00P\x7f\x00\x00\x01"), 16), "binds a socket"},
		{nr(unix.SYS_BIND, own, sockaddr(unix.AF_INET, "\x00\x00\x0a\x00\x00\x01"), 16), "binds a socket"},
		{nr(unix.SYS_BIND, own, sockaddr(unix.AF_INET6, loop6), 28), ""},
		{nr(unix.SYS_BIND, own, sockaddr(unix.AF_INET6, ""), 28), "binds a socket"}, // any address
		{nr(unix.SYS_BIND, own, sockaddr(unix.AF_UNIX, "\x00x"), 4), "binds a socket"},
		{nr(unix.SYS_BIND, own, nobody, 16), "binds a socket"},
		{nr(unix.SYS_CONNECT, own, sockaddr(unix.AF_UNIX, "/nonexistent/socket"), 110), ""},
		{nr(unix.SYS_CONNECT, own, sockaddr(unix.AF_UNIX, dir+"/f"), 110), "connects"},
		{nr(unix.SYS_CONNECT, own, sockaddr(unix.AF_UNIX, "\x00abstract"), 11), "connects"},
		{nr(unix.SYS_CONNECT, own, sockaddr(unix.AF_UNIX, "none"), 110), "connects"},
		{nr(unix.SYS_CONNECT, own, sockaddr(unix.AF_INET, "/x"), 16), "connects"},
		{nr(unix.SYS_CONNECT, own, sockaddr(unix.AF_UNIX, ""), 2), "connects"},
		{nr(unix.SYS_SENDTO, own, 0, 0), "sends"},
		// Processes, time and limits.
		{nr(unix.SYS_CLONE, 0, 0, 0), "starts a process"},
		{nr(unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_VM, 0, 0), ""},
		{nr(unix.SYS_CLONE3, mem.words(unix.CLONE_VFORK), 0, 0), "starts a process"},
		{nr(unix.SYS_CLONE3, mem.words(unix.CLONE_THREAD), 0, 0), ""},
		{nr(unix.SYS_CLONE3, nobody, 0, 0), ""},
		{nr(unix.SYS_SETITIMER, 0, mem.words(1, 1, 0, 0), 0), ""},
		{nr(unix.SYS_SETITIMER, 0, mem.words(0, 0, 0, 1), 0), "sets a timer"},
		{nr(unix.SYS_ALARM, 0, 0, 0), ""},
		{nr(unix.SYS_ALARM, 1, 0, 0), "sets a timer"},
		{nr(unix.SYS_PRLIMIT64, 0, 3, 0), ""},
		{nr(unix.SYS_PRLIMIT64, uint64(p.PID), 3, nobody), ""},
		{nr(unix.SYS_PRLIMIT64, 1, 3, 0), "asks for limits of another process"},
		{nr(unix.SYS_PRLIMIT64, 1, 3, nobody), "sets limits of another process"},
		{nr(unix.SYS_GETPRIORITY, unix.PRIO_PROCESS, 0, 0), ""},
		{nr(unix.SYS_SETPRIORITY, unix.PRIO_USER, 0, 0), "asks for or sets the priority of other processes"},
		{nr(unix.SYS_SCHED_GETAFFINITY, uint64(p.PID), 0, 0), ""},
		{nr(unix.SYS_SCHED_GETAFFINITY, 1, 0, 0), "asks how another process is scheduled"},
		{nr(unix.SYS_REMOVEXATTR, text("f"), 0, 0), "does system call 197"},
		{nr(unix.SYS_IO_URING_SETUP, 1, 0, 0), "does system call 425"},
	} {
		call := &tracer.Call{Nr: c.call[0], Args: [6]uint64{c.call[1], c.call[2], c.call[3]}}
		if got := p.Effect(call); got != c.want {
			t.Errorf("call %d of %#x: %q, want %q", call.Nr, call.Args[:3], got, c.want)
		}
	}
	mapping := func(flags, fd uint64) string {
		return p.Effect(&tracer.Call{Nr: unix.SYS_MMAP, Args: [6]uint64{0, 1, 1, flags, fd}})
	}
	if got := mapping(unix.MAP_SHARED, stdin); got != "maps descriptor 0" {
		t.Errorf("mapping the standard input: %q", got)
	}
	if a, b := mapping(unix.MAP_PRIVATE, own), mapping(unix.MAP_ANONYMOUS, 0); a != "" || b != "" {
		t.Errorf("mapping what is the program's own: %q, %q", a, b)
	}
	p.Threads = func() bool { return true }
	if got := p.Effect(&tracer.Call{Nr: unix.SYS_CLONE, Args: [6]uint64{unix.CLONE_THREAD}}); got != "starts a thread" {
		t.Errorf("a thread of Python: %q", got)
	}
}

// TestNoted has what is noted of calls that have returned, by their results.
func TestNoted(t *testing.T) {
	dir := tree(t)
	p, mem := caller(t, dir)
	const (
		enoent = -int64(unix.ENOENT)
		eexist = -int64(unix.EEXIST)
		eacces = -int64(unix.EACCES)
	)
	text := mem.text
	sockaddr := mem.put(append(le.AppendUint16(nil, unix.AF_UNIX), "/no/socket\x00"...))
	seed := mem.put(bytes.Repeat([]byte{7}, 2496))
	file := func(how How, path string) string {
		if !strings.HasPrefix(path, "/") {
			path = dir + "/" + path
		}
		return fmt.Sprintf("file %s %d", path, how)
	}
	for _, c := range []struct {
		nr, a, b, c uint64
		result      int64
		want        []string // without the working directory
	}{
		{unix.SYS_OPEN, text("f"), 0, 0, 3, []string{file(Opened, "f")}},
		{unix.SYS_OPEN, text("f"), 0, 0, enoent, []string{file(Looked, "f")}},
		{unix.SYS_OPEN, text("f"), 0, 0, eacces, []string{file(Looked, "f"), "access " + dir + "/f 4 13"}},
		{unix.SYS_OPENAT, directory, text("g"), 0, 3, []string{file(Opened, "sub/g")}},
		{unix.SYS_OPENAT2, cwd, text("./sub//g"), 0, 3, []string{file(Opened, "sub/g")}},
		{unix.SYS_OPEN, text("sub/../f"), 0, 0, 3, []string{file(Opened, "sub/../f")}}, // perhaps a link
		{unix.SYS_OPEN, nobody, 0, 0, -int64(unix.EFAULT), nil},
		{unix.SYS_NEWFSTATAT, cwd, text("f"), 0, 0, []string{file(Looked, "f")}},
		{unix.SYS_NEWFSTATAT, stdout, text(""), 0, 0, []string{"kind 1"}},
		{unix.SYS_NEWFSTATAT, own, text(""), 0, 0, nil},
		{unix.SYS_STATX, cwd, text(dir), 0, 0, []string{file(Looked, dir)}},
		{unix.SYS_FSTAT, stdin, 0, 0, 0, []string{"kind 0"}},
		{unix.SYS_FSTAT, copyOfOut, 0, 0, 0, []string{"kind 1"}},
		{unix.SYS_FSTAT, ownNull, 0, 0, 0, nil},
		{unix.SYS_FSTAT, given, 0, 0, 0, nil},
		{unix.SYS_LSEEK, 1<<32 + 2, 0, 1, 0, []string{"kind 2"}},
		{unix.SYS_IOCTL, stdin, unix.TCGETS, 0, 0, []string{"tty 0"}},
		{unix.SYS_IOCTL, copyOfOut, unix.TCGETS2, 0, 0, []string{"tty 1"}},
		{unix.SYS_IOCTL, stderr, unix.TIOCGWINSZ, 0, -25, []string{"size 2"}},
		{unix.SYS_IOCTL, own, unix.TCGETS, 0, 0, nil},
		{unix.SYS_ACCESS, text("f"), 4, 0, 0, []string{file(Looked, "f"), "access " + dir + "/f 4 0"}},
		{unix.SYS_ACCESS, text("none"), 4, 0, enoent, []string{file(Looked, "none")}},
		{unix.SYS_FACCESSAT, directory, text("g"), 2, eacces,
			[]string{file(Looked, "sub/g"), "access " + dir + "/sub/g 2 13"}},
		{unix.SYS_READLINK, text("dangling"), 0, 0, 7, []string{"link " + dir + "/dangling"}},
		{unix.SYS_READLINKAT, directory, text("g"), 0, -22, []string{file(Looked, "sub/g")}},
		{unix.SYS_READLINK, text("/proc/self/cwd"), 0, 0, 4, []string{"asked working directory"}},
		{unix.SYS_READLINK, text("/proc/self/exe"), 0, 0, 4, nil},
		{unix.SYS_READLINK, text("/proc/self/ns/net"), 0, 0, 4, []string{"link /proc/self/ns/net"}},
		{unix.SYS_GETDENTS64, directory, 0, 0, 0, []string{file(Listed, "sub")}},
		{unix.SYS_GETDENTS64, directory, 0, 0, enoent, nil},
		{unix.SYS_CONNECT, own, sockaddr, 13, enoent, []string{file(Looked, "/no/socket")}},
		{unix.SYS_LGETXATTR, text("f"), 0, 0, -int64(unix.ENODATA), []string{file(Looked|Told, "f")}},
		{unix.SYS_LISTXATTR, text("f"), 0, 0, 0, []string{file(Looked|Told, "f")}},
		{unix.SYS_GETXATTR, text("none"), 0, 0, enoent, []string{file(Looked, "none")}},
		// What fails to change something has read that there is nothing, or something.
		{unix.SYS_MKDIR, text("sub"), 0, 0, eexist, []string{file(Looked, "sub")}},
		{unix.SYS_SYMLINK, text("x"), text("f"), 0, eexist, []string{file(Looked, "f")}},
		{unix.SYS_SYMLINKAT, text("x"), directory, text("g"), eexist, []string{file(Looked, "sub/g")}},
		{unix.SYS_MKNODAT, directory, text("g"), 0, eexist, []string{file(Looked, "sub/g")}},
		{unix.SYS_UNLINKAT, cwd, text("none"), 0, enoent, []string{file(Looked, "none")}},
		{unix.SYS_CHMOD, text("none"), 0, 0, enoent, []string{file(Looked, "none")}},
		{unix.SYS_TRUNCATE, text("none"), 0, 0, enoent, []string{file(Looked, "none")}},
		{unix.SYS_UTIMENSAT, directory, text("none"), 0, enoent, []string{file(Looked, "sub/none")}},
		{unix.SYS_LCHOWN, text("none"), 0, 0, enoent, []string{file(Looked, "none")}},
		// What is guarded by other means.
		{unix.SYS_OPEN, text("/lib/libc.so.6"), 0, 0, 3, nil},
		{unix.SYS_OPEN, text("/x/messages.so.json"), 0, 0, 3, []string{file(Opened, "/x/messages.so.json")}},
		{unix.SYS_OPEN, text("/x/__pycache__/a.cpython-312.pyc"), 0, 0, 3, nil},
		{unix.SYS_OPEN, text("/x/__pycache__/f.nbi"), 0, 0, 3, []string{file(Opened, "/x/__pycache__/f.nbi")}},
		{unix.SYS_STAT, text("/dev/nvidia0"), 0, 0, enoent, []string{file(Looked, "/dev/nvidia0")}},
		{unix.SYS_STAT, text("/dev/null"), 0, 0, 0, nil},
		{unix.SYS_OPEN, text("/usr/lib/locale/C.utf8/LC_CTYPE"), 0, 0, 3,
			[]string{"env LANG", "env LANGUAGE", "env LC_*"}},
		// Facts.
		{unix.SYS_UNAME, 0, 0, 0, 0, []string{"asked host"}},
		{unix.SYS_GETEUID, 0, 0, 0, 0, []string{"asked user"}},
		{unix.SYS_UMASK, 0, 0, 0, 0, []string{"asked umask"}},
		{unix.SYS_GETRLIMIT, 7, 0, 0, 0, []string{"limit 7"}},
		{unix.SYS_PRLIMIT64, 0, 3, 0, 0, nil}, // asks for nothing
		{unix.SYS_SETRLIMIT, 3, 0, 0, 0, nil},
		{unix.SYS_SETRLIMIT, 3, 0, 0, -1, []string{"limit 3"}}, // the hard limit was in the way
		{unix.SYS_GETRLIMIT, 99, 0, 0, -22, nil},
		{unix.SYS_SETPRIORITY, 0, 0, 0, 0, nil},
		{unix.SYS_SETPRIORITY, 0, 0, 0, eacces, []string{"asked priority"}},
		{unix.SYS_GETRANDOM, seed, 2496, 0, 2496, []string{"random 2496"}},
		{unix.SYS_GETRANDOM, seed, 16, 0, 16, nil},
		{unix.SYS_GETPID, 0, 0, 0, 5, nil},
	} {
		call := &tracer.Call{Nr: c.nr, Args: [6]uint64{c.a, c.b, c.c}, Done: true, Result: c.result}
		r := NewReads()
		r.moved[p.PID] = c.nr != unix.SYS_READLINK // no path is of the directory where it began
		r.Note(p, call, false)
		got := noted(r)
		for _, want := range c.want {
			if !got[want] {
				t.Errorf("call %d of %#x with result %d: no %s in %v", c.nr, call.Args[:3], c.result, want, got)
			}
			delete(got, want)
		}
		delete(got, "asked working directory")
		if len(got) != 0 {
			t.Errorf("call %d of %#x with result %d: %v, too", c.nr, call.Args[:3], c.result, got)
		}
	}
}

// noted lists all that was noted.
func noted(r *Reads) map[string]bool {
	out := map[string]bool{}
	for path, how := range r.Files {
		out[fmt.Sprintf("file %s %d", path, how)] = true
	}
	for a, result := range r.Accesses {
		out[fmt.Sprintf("access %s %d %d", a.Path, a.Mode, result)] = true
	}
	for n := range 3 {
		for what, is := range map[string]bool{"tty": r.TTY[n], "size": r.Size[n], "kind": r.Kind[n]} {
			if is {
				out[fmt.Sprintf("%s %d", what, n)] = true
			}
		}
	}
	for kind, names := range map[string]map[string]bool{"link": r.Links, "env": r.Env, "asked": r.Asked} {
		for name := range maps.Keys(names) {
			out[kind+" "+name] = true
		}
	}
	for n := range r.Limits {
		out[fmt.Sprintf("limit %d", n)] = true
	}
	for _, b := range r.Random {
		out[fmt.Sprintf("random %d", len(b))] = true
	}
	return out
}

// TestDirectoryIsNoted: a relative path tells where a program is, until it has gone elsewhere.
func TestDirectoryIsNoted(t *testing.T) {
	p, mem := caller(t, tree(t))
	r := NewReads()
	stat := func(path string) bool {
		r.Asked = map[string]bool{}
		r.Note(p, &tracer.Call{Nr: unix.SYS_STAT, Args: [6]uint64{mem.text(path)}, Done: true}, false)
		return r.Asked[AskedCwd]
	}
	enter := func(path string, result int64) {
		r.Note(p, &tracer.Call{Nr: unix.SYS_CHDIR, Args: [6]uint64{mem.text(path)}, Done: true, Result: result}, false)
	}
	if !stat("f") || stat("/f") {
		t.Error("a relative path is no question where the program is, or an absolute one is")
	}
	if enter("/none", -int64(unix.ENOENT)); !stat("f") {
		t.Error("a directory that is not there was taken for the program's")
	}
	if enter("sub", 0); !stat("f") {
		t.Error("a directory below the one where it began says where that is")
	}
	if enter("/", 0); stat("f") || r.Note(p, &tracer.Call{Nr: unix.SYS_GETCWD, Done: true}, false) != "" {
		t.Error("a program that has gone to a directory by its full name is where it is in any run")
	}
	other := &Process{PID: p.PID + 1<<22, Mem: mem}
	if what := r.Note(other, &tracer.Call{Nr: unix.SYS_GETCWD, Done: true}, false); what != AskedCwd {
		t.Errorf("another process asks for %q", what)
	}
}

// TestPlace has the questions whose answers no two runs have in common.
func TestPlace(t *testing.T) {
	p, mem := caller(t, tree(t))
	const streams = "asks what its standard streams are"
	for link, want := range map[string]string{"/proc/self": "asks for its process id",
		"/proc/self/fd/0": streams, "/proc/self/fd/7": streams, "/dev/fd/1": streams, "/proc/thread-self/fd/2": streams,
		fmt.Sprintf("/proc/%d/fd/3", p.PID): streams, "/proc/self/fd/4": "", "/proc/self/fd/30": "",
		"/proc/self/fd/x": "", "/proc/self/fd/": "", "/proc/1/fd/0": "", "/proc/self/exe": "", "/proc/self/fd/-1": ""} {
		call := &tracer.Call{Nr: unix.SYS_READLINK, Args: [6]uint64{mem.text(link)}}
		if got := p.Place(call); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	for path, want := range map[string]bool{"/proc/self/net/tcp": true, "/proc/self/status": true,
		"/proc/self/oom_score_adj": false, "/proc/self/cgroup": false, "/proc/self/mountinfo": false,
		"/proc/self/smaps": true, "/proc/self/sessionid": false, "/proc/sys/kernel/hostname": false} {
		if got := Volatile(path, "/x.py") != ""; got != want {
			t.Errorf("%s changes at any moment: %t", path, got)
		}
		if !want && !fromKernel(path) {
			t.Errorf("%s is neither compared, nor is reading it a point", path)
		}
	}
}
