package prefix

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// again are questions to the kernel whose answers a thaw gets anew, or that come to nothing: what
// was asked, the end of the path of the file that asks, and why.
var again = []struct{ what, file, why string }{
	{AskedCwd, "/multiprocessing/process.py", "ORIGINAL_DIR: original_dir() of script/thaw_cold.py"},
	{AskedUser, "/site.py", "whether the user's own packages count: user_site() there"},
	{AskedUser, "<frozen site>", "as above"},
	{AskedCwd, "/runpy.py", "sys.path[0]: arguments() there"},
	{AskedCwd, "<frozen runpy>", "as above"},
	{AskedPID, "/psutil/_pslinux.py", "whether its own /proc/PID has some files: any process's has"},
	{AskedPID, "/filelock/_core/_fork.py", "compared later, to notice a fork"},
}

// SizeVariables are those that shutil.get_terminal_size takes for the size of the terminal.
var SizeVariables = map[string]bool{"COLUMNS": true, "LINES": true}

// AsksSize says whether a call asks for the size of a terminal.
func AsksSize(c *tracer.Call) bool {
	return c.Nr == unix.SYS_IOCTL && uint32(c.Args[1]) == unix.TIOCGWINSZ
}

// Drops says whether a function drops what it is told of the size of the terminal, and whether
// another passes that on to who called it. argparse makes a formatter of help, as wide as the
// terminal, for each argument that is added: add_argument (Lib/argparse.py) has it look at the
// argument, and drops it. A formatter's own class, of another file, may keep what it likes.
func Drops(file, function string) (drops, leads bool) {
	ofArgparse := strings.HasSuffix(file, "/argparse.py")
	leads = ofArgparse || strings.HasSuffix(file, "/shutil.py") ||
		strings.HasSuffix(file, "/os.py") || file == "<frozen os>"
	return ofArgparse && function == "add_argument", leads
}

// asked are the names by which Who knows questions to the kernel.
var asked = map[uint64]string{
	unix.SYS_GETCWD: AskedCwd, unix.SYS_UNAME: AskedHost, unix.SYS_SCHED_GETAFFINITY: AskedCPUs,
	unix.SYS_UMASK: AskedUmask, unix.SYS_GETUID: AskedUser, unix.SYS_GETEUID: AskedUser,
	unix.SYS_GETGID: AskedUser, unix.SYS_GETEGID: AskedUser, unix.SYS_GETGROUPS: AskedGroups,
	unix.SYS_GETRESUID: AskedUser, unix.SYS_GETRESGID: AskedUser,
	unix.SYS_GETPRIORITY: AskedNice, unix.SYS_SCHED_GETSCHEDULER: AskedScheduling,
	unix.SYS_SCHED_GETPARAM: AskedScheduling, unix.SYS_SCHED_GETATTR: AskedScheduling,
	unix.SYS_SCHED_RR_GET_INTERVAL: AskedScheduling,
}

// FindsItself says whether a call is one by which a shell finds out, when it begins, whether PWD
// is where it is.
func (p *Process) FindsItself(c *tracer.Call) bool {
	switch c.Nr {
	case unix.SYS_GETCWD:
		return true
	case unix.SYS_STAT:
		return p.where(p.text(c.Args[0]))
	case unix.SYS_NEWFSTATAT, unix.SYS_STATX:
		return p.where(p.text(c.Args[1]))
	}
	return false
}

func (p *Process) where(path string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.PID))
	return path == "." || err == nil && path == cwd
}

// Asks says whether a call asks the kernel what Again may know of.
func Asks(c *tracer.Call) bool { return c.Nr == unix.SYS_GETPID || asked[c.Nr] != "" }

// nothing are the calls that programs make most of those by which nothing is noted.
var nothing = of(unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_CLOSE, unix.SYS_MMAP, unix.SYS_MPROTECT,
	unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_BRK, unix.SYS_MADVISE, unix.SYS_FUTEX,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_CLOCK_GETTIME, unix.SYS_FCNTL,
	unix.SYS_GETTID, unix.SYS_SYSINFO)

// ReadsNothing says whether a call that has returned has read nothing that Note would note, without
// a look at the process.
func ReadsNothing(c *tracer.Call) bool { return nothing[c.Nr] }

// Again says whether a thaw asks anew what a call asked that a file of Python made.
func Again(c *tracer.Call, file string) bool {
	what := asked[c.Nr]
	if c.Nr == unix.SYS_GETPID {
		what = AskedPID
	}
	for _, k := range again {
		if what != "" && k.what == what && strings.HasSuffix(file, k.file) {
			return true
		}
	}
	return false
}
