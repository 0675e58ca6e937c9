package guard

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ofProcess fills in what the kernel keeps of this process for all that it starts.
func (r *Read) ofProcess() {
	switch r.Kind {
	case Limit:
		var l unix.Rlimit
		if unix.Getrlimit(int(r.A), &l) == nil {
			r.B, r.C = l.Cur, l.Max
		}
	case Nice:
		if n, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
			r.A = uint64(n)
		}
	case Groups:
		r.groups()
	case Scheduling:
		policy, _, _ := unix.RawSyscall(unix.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
		var priority int32
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_GETPARAM, 0, uintptr(unsafe.Pointer(&priority)), 0)
		r.A, r.B = uint64(policy), uint64(uint32(priority))
	}
}

// maxGroups is how many groups are compared; of more, only how many they are.
const maxGroups = 1024

func (r *Read) groups() {
	groups, err := unix.Getgroups()
	if err != nil {
		return
	}
	r.A = uint64(len(groups))
	if len(groups) > maxGroups {
		groups = nil
	}
	var b []byte
	for _, g := range groups {
		b = binary.LittleEndian.AppendUint32(b, uint32(g))
	}
	r.C = Mix(b)
}

// LimitFact returns the fact that a limit is what it was when a program started.
func LimitFact(resource, soft, hard uint64) Read {
	return Read{Kind: Limit, A: resource, B: soft, C: hard}
}

// NiceFact returns the fact that a priority is what it was when a program started: a nice value.
func NiceFact(nice int) Read {
	const zero = 20 // sys_getpriority() of kernel/sys.c: 40 to 1 for -20 to 19
	return Read{Kind: Nice, A: uint64(zero - nice)}
}
