package prefix

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/tracer"
)

var le = binary.LittleEndian

// rule says what somebody else could tell of a call that has not been made yet; "" for nothing.
type rule func(p *Process, c *tracer.Call) string

// Effect says what somebody else could tell of a system call that is about to be made, in words
// that go on "before it ..."; "" where nobody could, or where a thaw does it again. A call that is
// not known counts as one that could be told.
func (p *Process) Effect(c *tracer.Call) string {
	if quiet[c.Nr] {
		return ""
	}
	if r, ok := rules[c.Nr]; ok {
		return r(p, c)
	}
	return fmt.Sprintf("does system call %d", c.Nr)
}

// always is the rule of a call by which somebody can tell in any case.
func always(what string) rule {
	return func(*Process, *tracer.Call) string { return what }
}

// rules are of the calls that some of may be told by.
var rules = map[uint64]rule{
	unix.SYS_READ: read, unix.SYS_READV: read, unix.SYS_PREAD64: read, unix.SYS_PREADV: read,
	unix.SYS_PREADV2: read,
	unix.SYS_WRITE:   write, unix.SYS_WRITEV: write, unix.SYS_PWRITE64: write,
	unix.SYS_PWRITEV: write, unix.SYS_PWRITEV2: write,
	unix.SYS_SENDFILE: send, unix.SYS_FTRUNCATE: write, unix.SYS_FALLOCATE: write,
	unix.SYS_SPLICE: always("moves data"), unix.SYS_TEE: always("moves data"),
	unix.SYS_COPY_FILE_RANGE: always("copies a file"),
	unix.SYS_LSEEK:           seek,
	unix.SYS_OPEN: func(p *Process, c *tracer.Call) string {
		return p.open(p.path(here, c.Args[0]), c.Args[1])
	},
	unix.SYS_CREAT: func(p *Process, c *tracer.Call) string {
		return p.open(p.path(here, c.Args[0]), unix.O_CREAT|unix.O_WRONLY)
	},
	unix.SYS_OPENAT: func(p *Process, c *tracer.Call) string {
		return p.open(p.path(c.Args[0], c.Args[1]), c.Args[2])
	},
	unix.SYS_OPENAT2: func(p *Process, c *tracer.Call) string {
		var how [8]byte // flags come first in struct open_how
		if _, err := p.Mem.ReadAt(how[:], procmem.Addr(c.Args[2])); err != nil {
			return ""
		}
		return p.open(p.path(c.Args[0], c.Args[1]), le.Uint64(how[:]))
	},

	unix.SYS_MKDIR: makes(0, false), unix.SYS_MKDIRAT: makes(0, true),
	unix.SYS_MKNOD: makes(0, false), unix.SYS_MKNODAT: makes(0, true),
	unix.SYS_SYMLINK: makes(1, false), unix.SYS_SYMLINKAT: makes(1, true),
	unix.SYS_LINK: always("links a file"), unix.SYS_LINKAT: always("links a file"),
	unix.SYS_UNLINK: changes("removes", 0, false), unix.SYS_UNLINKAT: changes("removes", 0, true),
	unix.SYS_RMDIR:  changes("removes", 0, false),
	unix.SYS_RENAME: changes("renames", 0, false), unix.SYS_RENAMEAT: changes("renames", 0, true),
	unix.SYS_RENAMEAT2: changes("renames", 0, true),
	unix.SYS_TRUNCATE:  changes("truncates", 0, false),
	unix.SYS_CHMOD:     changes("changes the mode of", 0, false),
	unix.SYS_FCHMODAT:  changes("changes the mode of", 0, true),
	unix.SYS_CHOWN:     changes("changes the owner of", 0, false),
	unix.SYS_LCHOWN:    changes("changes the owner of", 0, false),
	unix.SYS_FCHOWNAT:  changes("changes the owner of", 0, true),
	unix.SYS_FCHMOD:    write, unix.SYS_FCHOWN: write, unix.SYS_FSETXATTR: write,
	unix.SYS_UTIME:     changes("sets the time of", 0, false),
	unix.SYS_UTIMES:    changes("sets the time of", 0, false),
	unix.SYS_FUTIMESAT: changes("sets the time of", 0, true),
	unix.SYS_UTIMENSAT: changes("sets the time of", 0, true),
	unix.SYS_SETXATTR:  changes("sets an attribute of", 0, false),
	unix.SYS_LSETXATTR: changes("sets an attribute of", 0, false),
	unix.SYS_FLOCK:     always("locks a file"),
	unix.SYS_MMAP: func(p *Process, c *tracer.Call) string {
		if c.Args[3]&unix.MAP_ANONYMOUS == 0 && p.given(c.Args[4]) {
			return fmt.Sprintf("maps descriptor %d", int32(c.Args[4]))
		}
		return ""
	},
	unix.SYS_POLL: poll, unix.SYS_PPOLL: poll, unix.SYS_SELECT: selects,
	unix.SYS_PSELECT6: selects, unix.SYS_EPOLL_CTL: watchesGiven,
	unix.SYS_FCNTL: control, unix.SYS_IOCTL: device,

	unix.SYS_BIND: bind, unix.SYS_CONNECT: connect,
	unix.SYS_LISTEN: always("listens"), unix.SYS_ACCEPT: always("accepts a connection"),
	unix.SYS_ACCEPT4: always("accepts a connection"), unix.SYS_SHUTDOWN: always("ends a connection"),
	unix.SYS_SENDTO: always("sends"), unix.SYS_SENDMSG: always("sends"),
	unix.SYS_SENDMMSG: always("sends"), unix.SYS_RECVFROM: always("receives"),
	unix.SYS_RECVMSG: always("receives"), unix.SYS_RECVMMSG: always("receives"),

	unix.SYS_CLONE:  func(p *Process, c *tracer.Call) string { return p.clone(c.Args[0]) },
	unix.SYS_CLONE3: clone3,
	unix.SYS_FORK:   always("starts a process"), unix.SYS_VFORK: always("starts a process"),
	unix.SYS_EXECVE: always("executes another program"),
	unix.SYS_EXIT:   always("ends"), unix.SYS_EXIT_GROUP: always("ends"),
	unix.SYS_EXECVEAT: always("executes another program"),
	unix.SYS_KILL:     always("sends a signal"), unix.SYS_TKILL: always("sends a signal"),
	unix.SYS_TGKILL: always("sends a signal"), unix.SYS_RT_SIGQUEUEINFO: always("sends a signal"),
	unix.SYS_PIDFD_SEND_SIGNAL: always("sends a signal"),
	unix.SYS_SETITIMER:         timer, unix.SYS_ALARM: alarm,
	unix.SYS_TIMER_CREATE: always("sets a timer"), // no child has it
	unix.SYS_PRLIMIT64:    limit,
	unix.SYS_PRCTL:        attribute,
	unix.SYS_GETPRIORITY:  priority, unix.SYS_SETPRIORITY: priority,
	unix.SYS_IOPRIO_GET:        always("asks for its priority of input and output"),
	unix.SYS_SCHED_GETAFFINITY: ofSelf, unix.SYS_SCHED_GETSCHEDULER: ofSelf,
	unix.SYS_SCHED_GETPARAM: ofSelf, unix.SYS_SCHED_GETATTR: ofSelf,
	unix.SYS_SCHED_RR_GET_INTERVAL: ofSelf,

	unix.SYS_SETPGID: always("changes its process group"), unix.SYS_SETSID: always("starts a session"),
	unix.SYS_SETUID: always("changes its user"), unix.SYS_SETREUID: always("changes its user"),
	unix.SYS_SETRESUID: always("changes its user"), unix.SYS_SETFSUID: always("changes its user"),
	unix.SYS_SETGID: always("changes its group"), unix.SYS_SETREGID: always("changes its group"),
	unix.SYS_SETRESGID: always("changes its group"), unix.SYS_SETFSGID: always("changes its group"),
	unix.SYS_SETGROUPS: always("changes its groups"), unix.SYS_CAPSET: always("gives up rights"),
	unix.SYS_CHROOT:  always("changes its root"),
	unix.SYS_UNSHARE: always("changes its namespaces"), unix.SYS_SETNS: always("changes its namespaces"),
	unix.SYS_SECCOMP:           always("filters its system calls"),
	unix.SYS_SCHED_SETAFFINITY: always("chooses processors"),
	unix.SYS_SHMGET:            always("shares memory"), unix.SYS_SHMAT: always("shares memory"),
	unix.SYS_PTRACE: always("traces"), unix.SYS_MOUNT: always("mounts"),
}

const here = 0xffffff9c // AT_FDCWD, as an int in a register

func read(p *Process, c *tracer.Call) string {
	switch {
	case !p.given(c.Args[0]):
		return ""
	case int32(c.Args[0]) == 0:
		return "reads its standard input"
	}
	return fmt.Sprintf("reads descriptor %d", int32(c.Args[0]))
}

func write(p *Process, c *tracer.Call) string {
	streams := [...]string{"its standard input", "its standard output", "its standard error"}
	switch fd := int32(c.Args[0]); {
	case c.Nr == unix.SYS_WRITE && c.Args[2] == 0:
		return ""
	case fd >= 0 && fd <= 2 && p.given(c.Args[0]):
		return "writes to " + streams[fd]
	case p.given(c.Args[0]):
		return fmt.Sprintf("writes to descriptor %d", fd)
	}
	return p.writesTo(p.is(c.Args[0]))
}

// send reads from one descriptor, and writes to another.
func send(p *Process, c *tracer.Call) string {
	if what := write(p, c); what != "" {
		return what
	}
	return read(p, &tracer.Call{Nr: c.Nr, Args: [6]uint64{c.Args[1]}})
}

// writesTo says whether writing to something that the program has opened can be told.
func (p *Process) writesTo(what string) string {
	for _, own := range []string{"pipe:", "anon_inode:", "/memfd:"} {
		if len(what) >= len(own) && what[:len(own)] == own {
			return ""
		}
	}
	if what == "" || harmless[what] || cache(what) {
		return ""
	}
	return "writes to " + what
}

// seek moves in what the program has in common with others.
func seek(p *Process, c *tracer.Call) string {
	if !p.given(c.Args[0]) || c.Args[2] == unix.SEEK_CUR && c.Args[1] == 0 {
		return ""
	}
	return fmt.Sprintf("moves in descriptor %d", int32(c.Args[0]))
}

// harmless are devices that keep nothing.
var harmless = map[string]bool{"/dev/null": true, "/dev/zero": true, "/dev/full": true,
	"/dev/urandom": true, "/dev/random": true}

func (p *Process) open(path string, flags uint64) string {
	if path == "" || harmless[path] || cache(path) {
		return ""
	}
	const changing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC
	if flags&changing != 0 && flags&unix.O_PATH == 0 {
		return "opens " + path + " to write"
	}
	var st unix.Stat_t
	if unix.Stat(p.outside(path), &st) == nil && flags&unix.O_PATH == 0 {
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO:
			return "opens " + path
		}
	}
	return ""
}

// makes is the rule of calls that make a file: where there is one, they fail, which is a read.
func makes(n int, at bool) rule {
	return func(p *Process, c *tracer.Call) string {
		path := p.pathAt(n, at, c)
		if p.exists(path) || cache(path) {
			return ""
		}
		return "makes " + path
	}
}

// changes is the rule of calls that change a file: where there is none, they fail.
func changes(does string, n int, at bool) rule {
	return func(p *Process, c *tracer.Call) string {
		path := p.pathAt(n, at, c)
		if path == "" && at { // of a descriptor
			path = p.is(c.Args[n])
		} else if path != "" && !p.exists(path) || cache(path) {
			return ""
		}
		return does + " " + path
	}
}

// pathAt returns the path that is argument n of a call, or where the call takes a descriptor of a
// directory before it, the one after.
func (p *Process) pathAt(n int, at bool, c *tracer.Call) string {
	if at {
		return p.path(c.Args[n], c.Args[n+1])
	}
	return p.path(here, c.Args[n])
}

// waits says that a program looks whether there is something to read, or room to write, on what it
// was given.
func (p *Process) waits(fd uint64) string {
	if !p.given(fd) {
		return ""
	}
	return fmt.Sprintf("looks whether descriptor %d is ready", int32(fd))
}

func poll(p *Process, c *tracer.Call) string {
	const size, most = 8, 1 << 10 // struct pollfd
	b := make([]byte, size*min(c.Args[1], most))
	if _, err := p.Mem.ReadAt(b, procmem.Addr(c.Args[0])); err != nil {
		return ""
	}
	for ; len(b) > 0; b = b[size:] {
		if what := p.waits(uint64(le.Uint32(b))); what != "" {
			return what
		}
	}
	return ""
}

func selects(p *Process, c *tracer.Call) string {
	for _, set := range c.Args[1:4] {
		var b [8]byte // the lowest descriptors of an fd_set
		if set == 0 {
			continue
		}
		if _, err := p.Mem.ReadAt(b[:], procmem.Addr(set)); err != nil {
			continue
		}
		for fd := range min(c.Args[0], 64) {
			if what := p.waits(fd); le.Uint64(b[:])>>fd&1 != 0 && what != "" {
				return what
			}
		}
	}
	return ""
}

func watchesGiven(p *Process, c *tracer.Call) string { return p.waits(c.Args[2]) }

func control(p *Process, c *tracer.Call) string {
	const lock, lockWait, ofdLock, ofdLockWait, lease, notify = 6, 7, 37, 38, 1024, 1026
	const setOwner, addSeals = 15, 1033
	switch c.Args[1] {
	case lock, lockWait, ofdLock, ofdLockWait, lease:
		return "locks a file"
	case notify:
		return "watches a directory"
	case unix.F_SETPIPE_SZ:
		return "sets the size of a pipe"
	case unix.F_SETSIG: // no descriptor that is made again has it
		return "asks for signals of a descriptor"
	case unix.F_SETFL, unix.F_SETOWN, setOwner, addSeals:
		if p.given(c.Args[0]) {
			return fmt.Sprintf("changes descriptor %d", int32(c.Args[0]))
		}
	}
	return ""
}

// device lets those requests pass that only ask.
func device(p *Process, c *tracer.Call) string {
	const closeOnExec, not, nonBlocking = 0x5451, 0x5450, 0x5421 // FIOCLEX, FIONCLEX, FIONBIO
	switch uint32(c.Args[1]) {
	case unix.TIOCINQ:
		return p.waits(c.Args[0])
	case unix.TCGETS, unix.TCGETS2, unix.TIOCGWINSZ, unix.TIOCGPGRP, closeOnExec, not:
		return ""
	case nonBlocking:
		if !p.given(c.Args[0]) {
			return ""
		}
	}
	return "controls " + p.is(c.Args[0])
}

// sockaddr reads the family of a socket address and what follows.
func (p *Process) sockaddr(c *tracer.Call) (family uint16, rest [26]byte) {
	var b [28]byte
	n := min(uint64(len(b)), c.Args[2])
	if _, err := p.Mem.ReadAt(b[:n], procmem.Addr(c.Args[1])); err != nil {
		return 0, rest
	}
	copy(rest[:], b[2:])
	return le.Uint16(b[:]), rest
}

// bind lets a probe pass: any free port of this machine alone, which libraries take to find out
// whether there is IPv6.
func bind(p *Process, c *tracer.Call) string {
	family, rest := p.sockaddr(c)
	port := rest[0] | rest[1]
	loop4 := family == unix.AF_INET && rest[2] == 127
	loop6 := family == unix.AF_INET6 && rest[6+15] == 1
	for _, b := range rest[6 : 6+15] {
		loop6 = loop6 && b == 0
	}
	if port == 0 && (loop4 || loop6) {
		return ""
	}
	return "binds a socket"
}

// connect lets those to local services pass that are not there, such as nscd.
func connect(p *Process, c *tracer.Call) string {
	if path := p.service(c); path != "" && !p.exists(path) {
		return ""
	}
	return "connects"
}

// service returns the path of the local service that a program connects to; "" where it has none,
// or no absolute one.
func (p *Process) service(c *tracer.Call) string {
	const longest = 108
	if family, _ := p.sockaddr(c); family != unix.AF_UNIX || c.Args[2] <= 2 {
		return ""
	}
	b := make([]byte, min(c.Args[2]-2, longest))
	if _, err := p.Mem.ReadAt(b, procmem.Addr(c.Args[1]+2)); err != nil || b[0] != '/' {
		return ""
	}
	path, _, _ := strings.Cut(string(b), "\x00")
	return path
}

func clone3(p *Process, c *tracer.Call) string {
	var flags [8]byte // first in struct clone_args
	if _, err := p.Mem.ReadAt(flags[:], procmem.Addr(c.Args[0])); err != nil {
		return ""
	}
	return p.clone(le.Uint64(flags[:]))
}

// clone lets threads of libraries pass: they end them at a fork, or are refused by name.
func (p *Process) clone(flags uint64) string {
	if flags&unix.CLONE_THREAD == 0 {
		return "starts a process"
	}
	if p.Threads != nil && p.Threads() {
		return "starts a thread"
	}
	return ""
}

func timer(p *Process, c *tracer.Call) string {
	var value [16]byte // it_value of struct itimerval
	if _, err := p.Mem.ReadAt(value[:], procmem.Addr(c.Args[1]+16)); err == nil && value == [16]byte{} {
		return ""
	}
	return "sets a timer"
}

func alarm(_ *Process, c *tracer.Call) string {
	if c.Args[0] == 0 {
		return ""
	}
	return "sets a timer"
}

func limit(p *Process, c *tracer.Call) string {
	switch {
	case p.itself(c.Args[0]): // a thaw sets them, and those that it asks for are guards
		return ""
	case c.Args[2] == 0:
		return "asks for limits of another process"
	}
	return "sets limits of another process"
}

// priority lets a program ask for its own, which is a guard, and set it, which a thaw does.
func priority(p *Process, c *tracer.Call) string {
	if c.Args[0] == unix.PRIO_PROCESS && p.itself(c.Args[1]) {
		return ""
	}
	return "asks for or sets the priority of other processes"
}

// ofSelf lets a program ask how it is scheduled, and on which processors, which are guards.
func ofSelf(p *Process, c *tracer.Call) string {
	if p.itself(c.Args[0]) {
		return ""
	}
	return "asks how another process is scheduled"
}

// attributes are options of prctl(2) that change nothing, that a thaw does again, or that are of
// memory, which has its names and advice in the image.
var attributes = map[uint64]bool{
	unix.PR_GET_DUMPABLE: true, unix.PR_GET_KEEPCAPS: true, unix.PR_GET_NAME: true,
	unix.PR_GET_NO_NEW_PRIVS: true, unix.PR_GET_PDEATHSIG: true, unix.PR_GET_SECCOMP: true,
	unix.PR_GET_SECUREBITS: true, unix.PR_GET_TIMERSLACK: true, unix.PR_GET_TID_ADDRESS: true,
	unix.PR_GET_CHILD_SUBREAPER: true, unix.PR_GET_THP_DISABLE: true, unix.PR_GET_TSC: true,
	unix.PR_GET_SPECULATION_CTRL: true, unix.PR_CAPBSET_READ: true, unix.PR_MCE_KILL_GET: true,
	unix.PR_GET_IO_FLUSHER: true, unix.PR_SET_VMA: true, unix.PR_SET_NAME: true,
	unix.PR_SET_NO_NEW_PRIVS: true,
}

// attribute is the rule of prctl: no child has, and no thaw, what a process sets there of itself.
func attribute(_ *Process, c *tracer.Call) string {
	const capAmbient, isSet = unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET
	if option := uint64(uint32(c.Args[0])); attributes[option] || option == capAmbient && c.Args[1] == isSet {
		return ""
	}
	return fmt.Sprintf("sets an attribute of its process (prctl %d)", int32(c.Args[0]))
}
