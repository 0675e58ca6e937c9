package prefix

import (
	"path/filepath"
	"strings"
)

// What the kernel tells in files is no file that stays the same: their sizes and times say nothing.

// OfKernel says whether a path is of such a file.
func OfKernel(path string) bool { return ofKernel(path) }

func ofKernel(path string) bool {
	return strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/")
}

// fromKernel says of a file of the kernel's whether its content is compared: not that of the
// process itself, which is a thaw's own, and not the processors' features, which are a guard.
func fromKernel(path string) bool {
	if path == "/proc/cpuinfo" {
		return false
	}
	if own, ok := strings.CutPrefix(path, "/proc/self/"); ok && inherited[own] || path == "/proc/mounts" {
		return true
	}
	return ofKernel(path) && !volatile(path) && !strings.HasPrefix(path, "/proc/self") &&
		!strings.HasPrefix(path, "/proc/thread-self")
}

// inherited are files of a process that say what it has from whoever started it, or of those
// around it.
var inherited = map[string]bool{"cgroup": true, "mountinfo": true, "mounts": true, "loginuid": true,
	"sessionid": true, "oom_score_adj": true, "oom_adj": true, "coredump_filter": true,
	"uid_map": true, "gid_map": true, "setgroups": true, "cpuset": true, "personality": true,
	"timerslack_ns": true, "autogroup": true, "attr/current": true, "attr/exec": true}

// counters are files of control groups that tell of what is used (cgroups(7), and Linux's
// Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst), not of limits.
var counters = map[string]bool{"memory.stat": true, "memory.current": true, "memory.peak": true,
	"memory.usage_in_bytes": true, "memory.max_usage_in_bytes": true, "memory.failcnt": true,
	"memory.kmem.usage_in_bytes": true, "memory.memsw.usage_in_bytes": true, "memory.events": true,
	"memory.swap.current": true, "memory.pressure": true, "memory.numa_stat": true, "cpu.stat": true,
	"cpu.pressure": true, "cpuacct.usage": true, "cpuacct.stat": true, "cpuacct.usage_percpu": true,
	"io.stat": true, "io.pressure": true, "pids.current": true, "cgroup.procs": true, "tasks": true,
	"cgroup.threads": true, "cgroup.events": true, "cgroup.stat": true}

// volatile says whether a file of the kernel's changes at any moment.
func volatile(path string) bool {
	for _, name := range []string{"/proc/loadavg", "/proc/uptime", "/proc/stat", "/proc/meminfo",
		"/proc/vmstat", "/proc/diskstats", "/proc/interrupts", "/proc/net/", "/sys/class/net/",
		"/sys/class/thermal/", "/sys/class/power_supply/", "/proc/self/environ", "/proc/self/stat",
		"/proc/self/limits", "/proc/self/task/", "/proc/self/fdinfo/", "/proc/self/io",
		"/proc/self/net/", "/proc/self/sched", "/proc/self/mountstats", "/proc/self/smaps",
		"/proc/thread-self/"} {
		if strings.HasPrefix(path, name) {
			return true
		}
	}
	if strings.HasPrefix(path, "/sys/fs/cgroup/") && counters[filepath.Base(path)] {
		return true
	}
	rest, ok := strings.CutPrefix(path, "/proc/")
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' // of a process
}

// Volatile returns the path of what changes at any moment that a call opens on behalf of a file of
// Python; "" where it opens none. psutil is known to read some when it is imported, to compare with
// later.
func Volatile(path, file string) string {
	if volatile(path) && !strings.Contains(file, "/psutil/") {
		return path
	}
	return ""
}
