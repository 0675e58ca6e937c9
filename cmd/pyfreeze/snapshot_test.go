package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A snapshot is what must be the same in a target before and after it was frozen. It is read without
// any of pyfreeze's own packages, so that a fault in those cannot hide.
type processState struct {
	// Maps are /proc/PID/maps: no leftover mapping, no changed protection.
	Maps string
	// Status are the lines of /proc/PID/status of each thread that freezing could change.
	Status map[int]string
	// Syscall is the system call each thread is blocked in, with its arguments and registers.
	Syscall map[int]string
	// Regs and SigMask are read with ptrace.
	Regs    map[int]unix.PtraceRegs
	SigMask map[int]uint64
	FDs     []string
	// Children of any thread.
	Children string
	Timers   string
}

var statusLines = regexp.MustCompile(`(?m)^(State|TracerPid|Threads|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|CapEff|NoNewPrivs|Seccomp):.*$`)

// takeSnapshot reads a target whose threads are all blocked.
func takeSnapshot(t testing.TB, pid int) processState {
	t.Helper()
	read := func(elem ...string) string {
		data, err := os.ReadFile(filepath.Join(append([]string{"/proc", strconv.Itoa(pid)}, elem...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	s := processState{Maps: read("maps"), Timers: read("timers"), Status: map[int]string{}, Syscall: map[int]string{}}
	for _, tid := range threads(t, pid) {
		task := strconv.Itoa(tid)
		s.Status[tid] = strings.Join(statusLines.FindAllString(read("task", task, "status"), -1), "\n")
		s.Syscall[tid] = read("task", task, "syscall")
		s.Children += read("task", task, "children")
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		s.FDs = append(s.FDs, fd.Name()+" "+to)
	}
	sort.Strings(s.FDs)
	s.Regs, s.SigMask = registers(t, pid)
	return s
}

func threads(t testing.TB, pid int) []int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	var tids []int
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		tids = append(tids, tid)
	}
	return tids
}

// registers stops every thread for a moment and reads its registers and signal mask.
func registers(t testing.TB, pid int) (map[int]unix.PtraceRegs, map[int]uint64) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	regs, masks := map[int]unix.PtraceRegs{}, map[int]uint64{}
	for _, tid := range threads(t, pid) {
		if err := unix.PtraceSeize(tid); err != nil {
			t.Fatalf("seize %d: %v", tid, err)
		}
		if err := unix.PtraceInterrupt(tid); err != nil {
			t.Fatalf("interrupt %d: %v", tid, err)
		}
		var ws unix.WaitStatus
		if _, err := unix.Wait4(tid, &ws, unix.WALL, nil); err != nil || !ws.Stopped() {
			t.Fatalf("wait for %d: %v %v", tid, ws, err)
		}
		var r unix.PtraceRegs
		if err := unix.PtraceGetRegs(tid, &r); err != nil {
			t.Fatal(err)
		}
		regs[tid] = r
		masks[tid] = signalMask(t, tid)
		if err := unix.PtraceDetach(tid); err != nil {
			t.Fatal(err)
		}
	}
	return regs, masks
}

// waitSame takes snapshots until one equals want: a system call that was interrupted needs a moment
// to be restarted. After a second, what differs fails the test.
func waitSame(t testing.TB, pid int, want processState) {
	t.Helper()
	deadline := time.Now().Add(time.Second)
	for {
		diff := cmp.Diff(want, takeSnapshot(t, pid))
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the target before (-) and after (+):\n%s", diff)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
