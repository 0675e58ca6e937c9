package snapshot

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits is how many resource limits there are: RLIM_NLIMITS of
// include/uapi/asm-generic/resource.h.
const Limits = 16

// State is what the kernel keeps of a process, and gives its children, and a program may set for
// itself.
type State struct {
	Cwd        string
	User       [2]uint64 // effective user and group
	Umask      int       // -1 where it is not known (Linux 4.7)
	NoNewPrivs bool
	Nice       int
	Limits     [Limits][2]uint64 // soft and hard, by resource
	// Fixed are values by what they are called for people: a thaw cannot set them.
	Fixed map[string]string
}

// fixed are lines of /proc/PID/status that a thaw cannot set, by what they are called for people.
var fixed = map[string][]string{
	"its user ids": {"Uid"}, "its group ids": {"Gid"}, "its groups": {"Groups"},
	"its capabilities": {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"},
	"a seccomp filter": {"Seccomp_filters"}, "its processors": {"Cpus_allowed"},
	"its memory nodes": {"Mems_allowed"},
}

// readState reads the state of a stopped process from /proc: proc_pid_status(5), proc_pid_stat(5),
// namespaces(7).
func readState(pid int) (*State, error) {
	s := &State{Umask: -1, Fixed: map[string]string{}}
	dir := fmt.Sprintf("/proc/%d/", pid)
	var err error
	if s.Cwd, err = os.Readlink(dir + "cwd"); err != nil {
		return nil, err
	}
	st, err := status(strconv.Itoa(pid))
	if err != nil {
		return nil, err
	}
	if n, err := strconv.ParseUint(st["Umask"], 8, 16); err == nil {
		s.Umask = int(n)
	}
	s.NoNewPrivs = st["NoNewPrivs"] == "1"
	for what, lines := range fixed {
		for _, line := range lines {
			s.Fixed[what] += st[line] + ";"
		}
	}
	for i, line := range []string{"Uid", "Gid"} { // real, effective, saved, file system
		ids := strings.Fields(st[line])
		if len(ids) != 4 {
			return nil, fmt.Errorf("%sstatus: %s: %q", dir, line, st[line])
		}
		if s.User[i], err = strconv.ParseUint(ids[1], 10, 32); err != nil {
			return nil, fmt.Errorf("%sstatus: %w", dir, err)
		}
	}
	_, f, err := stat(pid)
	if err != nil {
		return nil, err
	}
	if s.Nice, err = strconv.Atoi(f[19-3]); err != nil {
		return nil, fmt.Errorf("%sstat: %w", dir, err)
	}
	s.Fixed["its process group"], s.Fixed["its session"] = f[5-3], f[6-3]
	s.Fixed["its scheduling"] = f[40-3] + " " + f[41-3]
	limits, err := os.ReadFile(dir + "limits") // prlimit(2) wants a right for processes of other users
	if err != nil {
		return nil, err
	}
	if s.Limits, err = parseLimits(string(limits)); err != nil {
		return nil, fmt.Errorf("%slimits: %w", dir, err)
	}
	if s.Fixed["its root directory"], err = os.Readlink(dir + "root"); err != nil {
		return nil, err
	}
	streams := []string{"its standard input", "its standard output", "its standard error"}
	for fd, name := range streams {
		link, _ := os.Readlink(dir + "fd/" + strconv.Itoa(fd)) // "" where it is closed
		s.Fixed[name] = strings.TrimSuffix(link, " (deleted)")
	}
	for _, ns := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		link, _ := os.Readlink(dir + "ns/" + ns) // of a kernel that has it
		s.Fixed["its namespaces"] += link + ";"
	}
	return s, nil
}

// parseLimits reads /proc/PID/limits: proc_pid_limits of fs/proc/base.c, whose lines are in the
// order of the resources.
func parseLimits(text string) (out [Limits][2]uint64, err error) {
	const name, column = 26, 21
	lines := strings.Split(text, "\n")
	if len(lines) < Limits+1 {
		return out, fmt.Errorf("%d lines only", len(lines))
	}
	for resource := range out {
		line := lines[resource+1] // the first is a heading
		if len(line) < name+2*column {
			return out, fmt.Errorf("a line %q", line)
		}
		for i := range 2 {
			value := strings.TrimSpace(line[name+i*column : name+(i+1)*column])
			if value == "unlimited" {
				out[resource][i] = unix.RLIM_INFINITY
			} else if out[resource][i], err = strconv.ParseUint(value, 10, 64); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}
