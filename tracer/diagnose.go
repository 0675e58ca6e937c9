package tracer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// PermissionError says that the kernel does not let us trace a process.
type PermissionError struct {
	PID    int
	Op     string // what was tried, such as "attach to"
	Reason string
	Remedy string // what the user can do
	Err    error  // the kernel's error
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("cannot %s process %d: %s (%v); %s", e.Op, e.PID, e.Reason, e.Err, e.Remedy)
}

// Unwrap gives the kernel's error.
func (e *PermissionError) Unwrap() error { return e.Err }

// diagnose is the one place that turns a refusal by the kernel into a reason and
// a remedy. Other errors are only wrapped.
func diagnose(pid int, op string, err error) error {
	if gone(err) {
		return fmt.Errorf("process %d: %w", pid, ErrNoProcess)
	}
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("cannot %s process %d: %w", op, pid, err)
	}
	e := &PermissionError{PID: pid, Op: op, Err: err}
	e.Reason, e.Remedy = gather(pid).explain()
	return e
}

// capSysPtrace is the bit of CAP_SYS_PTRACE.
const capSysPtrace = 1 << 19

// facts is what a permission to trace depends on. A field that could not be read
// is zero, and explains nothing.
type facts struct {
	uid        int // ours
	caps       uint64
	seccomp    int
	userns     string
	yama       string // kernel.yama.ptrace_scope
	target     status
	targetNS   string
	dirUID     int // owner of /proc/PID: root if the process is not dumpable
	tracerName string
}

// gather reads the facts.
func gather(pid int) *facts {
	f := &facts{uid: os.Geteuid(), dirUID: -1}
	if st, err := readStatus("self"); err == nil {
		f.caps, f.seccomp = st.capEff, st.seccomp
	}
	if st, err := readStatus(fmt.Sprint(pid)); err == nil {
		f.target = *st
	}
	f.userns, _ = os.Readlink("/proc/self/ns/user")
	f.targetNS, _ = os.Readlink(fmt.Sprintf("/proc/%d/ns/user", pid))
	scope, _ := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	f.yama = strings.TrimSpace(string(scope))
	if st, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			f.dirUID = int(sys.Uid)
		}
	}
	if t := f.target.tracerPid; t != 0 {
		if st, err := readStatus(fmt.Sprint(t)); err == nil {
			// The kernel names the tracing thread.
			f.target.tracerPid, f.tracerName = st.tgid, st.name
		}
	}
	return f
}

// explain gives the first reason that fits, and its remedy.
func (f *facts) explain() (reason, remedy string) {
	privileged := f.caps&capSysPtrace != 0
	owner, other := f.otherUser()
	switch {
	case f.target.tracerPid != 0:
		who := fmt.Sprintf("process %d", f.target.tracerPid)
		if f.tracerName != "" {
			who += " (" + f.tracerName + ")"
		}
		return "it is already traced by " + who, "detach that debugger first"
	case f.yama == "3":
		return "Yama forbids all tracing (kernel.yama.ptrace_scope is 3)",
			"that setting cannot be changed before a reboot"
	case !privileged && other:
		return fmt.Sprintf("it belongs to user %d, and you are user %d", owner, f.uid),
			"run pyfreeze as that user, or as root"
	case !privileged && f.userns != "" && f.targetNS != "" && f.userns != f.targetNS:
		return "it runs in another user namespace (a container)",
			"run pyfreeze inside that container, or as root outside"
	case !privileged && f.dirUID == 0 && len(f.target.uids) > 0 && f.target.uids[0] != 0:
		return "it is not dumpable (it changed its user, gained capabilities, or called prctl(PR_SET_DUMPABLE, 0))",
			"run pyfreeze as root"
	case !privileged && f.yama == "2":
		return "Yama allows tracing to administrators alone (kernel.yama.ptrace_scope is 2)",
			"run pyfreeze as root, or with CAP_SYS_PTRACE"
	case !privileged && f.yama == "1":
		return "Yama allows tracing one's own children alone (kernel.yama.ptrace_scope is 1)",
			"run pyfreeze as root, start the program under pyfreeze, or set kernel.yama.ptrace_scope to 0 with sysctl"
	case f.seccomp != 0:
		return "a seccomp filter on pyfreeze itself seems to forbid it (a container's default profile does)",
			"start the container with --cap-add=SYS_PTRACE, or with another seccomp profile"
	case !privileged:
		return "it has privileges that you do not have, or a security module (SELinux, AppArmor) forbids it",
			"run pyfreeze as root or with CAP_SYS_PTRACE"
	}
	return "a security module (SELinux, AppArmor, lockdown) forbids it, or it is in a user namespace that ours does not govern",
		"look into the kernel's audit log"
}

// otherUser gives a uid of the target that is not ours, if it has one. The
// kernel compares real, effective and saved ones.
func (f *facts) otherUser() (uid int, other bool) {
	for i, uid := range f.target.uids {
		if i < 3 && uid != f.uid {
			return uid, true
		}
	}
	return 0, false
}
