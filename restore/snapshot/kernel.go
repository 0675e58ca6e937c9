package snapshot

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/tracer"
)

// readKernel reads what the kernel keeps of a stopped process: from /proc, and for the rest by system calls that one of its threads is made
// to do. Memory below that thread's stack pointer is written to, and put back.
func readKernel(p *tracer.Process, tid int) (k Kernel, err error) {
	pid := p.PID()
	if k.Cwd, err = os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err != nil {
		return k, err
	}
	if k.Auxv, err = os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid)); err != nil {
		return k, err
	}
	if err := k.readStat(pid); err != nil {
		return k, err
	}
	brk, err := p.Syscall(tid, unix.SYS_BRK, 0)
	if err != nil {
		return k, err
	}
	k.MM[5] = brk
	regs, err := p.Regs(tid)
	if err != nil {
		return k, err
	}
	scratch := (procmem.Addr(regs.Rsp) - 1024) &^ 63 // below the red zone
	old := make([]byte, 64)
	if _, err := p.ReadAt(old, scratch); err != nil {
		return k, err
	}
	if _, err := p.Syscall(tid, unix.SYS_SIGALTSTACK, 0, uint64(scratch)); err != nil {
		return k, err
	}
	if _, err := p.ReadAt(k.Stack[:], scratch); err != nil {
		return k, err
	}
	for n := range k.Actions {
		if _, err := p.Syscall(tid, unix.SYS_RT_SIGACTION, uint64(n+1), 0, uint64(scratch), 8); err != nil {
			return k, err
		}
		var b [32]byte
		if _, err := p.ReadAt(b[:], scratch); err != nil {
			return k, err
		}
		for i := range k.Actions[n] {
			k.Actions[n][i] = le.Uint64(b[8*i:])
		}
	}
	_, err = p.WriteAt(old, scratch)
	return k, err
}

// lastField is the highest that is read of /proc/PID/stat; Linux has had more since 3.5.
const lastField = 47

// stat reads /proc/PID/stat: the name, and the fields behind it, of which the first is the third of
// proc_pid_stat(5).
func stat(pid int) (comm string, fields []string, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", nil, err
	}
	text := string(b)
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return "", nil, fmt.Errorf("/proc/%d/stat: no name", pid)
	}
	fields = strings.Fields(text[end+1:])
	if len(fields) < lastField-2 {
		return "", nil, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields)+2)
	}
	return text[open+1 : end], fields, nil
}

// status reads /proc/PATH/status: proc_pid_status(5).
func status(path string) (map[string]string, error) {
	b, err := os.ReadFile("/proc/" + path + "/status")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		out[name] = strings.TrimSpace(value)
	}
	return out, nil
}

// readStat reads what /proc/PID/stat says of the memory's layout.
func (k *Kernel) readStat(pid int) error {
	comm, fields, err := stat(pid)
	if err != nil {
		return err
	}
	k.Comm = comm
	for i, n := range []int{26, 27, 45, 46, 47, 0, 28} {
		if n == 0 {
			continue
		}
		if k.MM[i], err = strconv.ParseUint(fields[n-3], 10, 64); err != nil {
			return fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
	}
	return nil
}

// readFlags reads VmFlags of all mappings of a process, as far as they matter to a thaw. nil where the kernel does not tell.
func readFlags(pid int) map[procmem.Addr][]string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return nil
	}
	defer f.Close()
	out := map[procmem.Addr][]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 0, 8192), 1<<16)
	var at procmem.Addr
	for lines.Scan() {
		line := lines.Bytes()
		if rest, ok := bytes.CutPrefix(line, []byte("VmFlags:")); ok {
			out[at] = strings.Fields(string(rest))
			continue
		}
		if start, _, ok := bytes.Cut(line, []byte("-")); ok {
			if v, err := strconv.ParseUint(string(start), 16, 64); err == nil {
				at = procmem.Addr(v)
			}
		}
	}
	return out
}

// readSignals reads signals that a process blocks and ignores.
func readSignals(pid int) (blocked, ignored uint64, err error) {
	st, err := status(strconv.Itoa(pid))
	if err != nil {
		return 0, 0, err
	}
	for name, to := range map[string]*uint64{"SigBlk": &blocked, "SigIgn": &ignored} {
		if *to, err = strconv.ParseUint(st[name], 16, 64); err != nil {
			return 0, 0, fmt.Errorf("/proc/%d/status: %s: %w", pid, name, err)
		}
	}
	return blocked, ignored, nil
}

// threadsOf notes the state of all threads of a stopped process, the main one first.
func threadsOf(p *tracer.Process) (out []Thread, err error) {
	for _, tid := range p.Threads() {
		t, err := threadOf(p, tid)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func threadOf(p *tracer.Process, tid int) (t Thread, err error) {
	t.Tid = tid
	if t.Regs, err = p.Regs(tid); err != nil {
		return t, err
	}
	if t.XState, err = p.XState(tid); err != nil {
		return t, err
	}
	if t.SigMask, err = p.SigMask(tid); err != nil {
		return t, err
	}
	if t.Registered, err = p.Registered(tid); err != nil {
		return t, err
	}
	callAgain(&t.Regs)
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/comm", p.PID(), tid)) // only a name
	t.Name = strings.TrimSuffix(string(name), "\n")
	t.TidAt = tidAt(p, procmem.Addr(t.Regs.Fs_base), innerID(p.PID(), tid))
	t.ClearAt = clearAt(p, procmem.Addr(t.Regs.Fs_base), t.TidAt)
	return t, nil
}

// innerID returns the id that a thread has for itself, in its own namespace.
func innerID(pid, tid int) int {
	st, err := status(fmt.Sprintf("%d/task/%d", pid, tid))
	if err != nil {
		return tid
	}
	if f := strings.Fields(st["NSpid"]); len(f) > 0 {
		if n, err := strconv.Atoi(f[len(f)-1]); err == nil {
			return n
		}
	}
	return tid
}

// clearAt returns what the kernel clears when a thread ends, for whoever joins it. Until glibc 2.42
// that is the thread's id. In 2.43 it is pd->joinstate, which is 2 or 3 while the thread lives
// (THREAD_STATE_JOINABLE, _DETACHED of nptl/descr.h), where older ones have a pointer, joinid.
// prctl(PR_GET_TID_ADDRESS) says the same, but only to the thread itself.
func clearAt(mem procmem.Reader, fs, tidAt procmem.Addr) procmem.Addr {
	const state, joinable, detached = 0x628, 2, 3
	var b [4]byte
	if _, err := mem.ReadAt(b[:], fs+state); err == nil {
		if n := le.Uint32(b[:]); n == joinable || n == detached {
			return fs + state
		}
	}
	return tidAt
}

// tidAt finds where libc keeps a thread's id: a word of struct pthread, which begins at the thread's pointer. 0 where it is not to be found.
func tidAt(mem procmem.Reader, fs procmem.Addr, tid int) procmem.Addr {
	const usual, size = 0x2d0, 0x900 // of glibc 2.2 to 2.43 on x86-64: nptl/descr.h
	b := make([]byte, size)
	n, _ := mem.ReadAt(b, fs)
	is := func(off int) bool { return off+4 <= n && le.Uint32(b[off:]) == uint32(tid) }
	if is(usual) {
		return fs + usual
	}
	found := -1
	for off := 0; off+4 <= n; off += 4 {
		if is(off) {
			if found >= 0 {
				return 0 // two: neither is certain
			}
			found = off
		}
	}
	if found < 0 {
		return 0
	}
	return fs + procmem.Addr(found)
}
