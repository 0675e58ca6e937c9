package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// status is what /proc/PID/status says, as far as it is needed.
type status struct {
	name      string
	state     string // one letter
	tgid      int
	tracerPid int
	uids      []int // real, effective, saved, file system
	capEff    uint64
	seccomp   int
	filters   int    // how many of seccomp
	sigPnd    uint64 // of the thread alone
	kthread   bool
	nsInit    bool // it is process 1 of its pid namespace
}

// readStatus reads /proc/PATH/status, where path is PID or PID/task/TID.
func readStatus(path string) (*status, error) {
	text, err := os.ReadFile("/proc/" + path + "/status")
	if err != nil {
		if gone(err) {
			return nil, fmt.Errorf("process %s: %w", path, ErrNoProcess)
		}
		return nil, err
	}
	return parseStatus(string(text)), nil
}

// parseStatus reads the lines that it knows; a missing one leaves a zero.
func parseStatus(text string) *status {
	s := &status{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimSpace(value)
		num := func() int { n, _ := strconv.Atoi(value); return n }
		switch key {
		case "Name":
			s.name = value
		case "State":
			s.state, _, _ = strings.Cut(value, " ")
		case "Tgid":
			s.tgid = num()
		case "TracerPid":
			s.tracerPid = num()
		case "Uid":
			for _, f := range strings.Fields(value) {
				n, _ := strconv.Atoi(f)
				s.uids = append(s.uids, n)
			}
		case "CapEff":
			s.capEff, _ = strconv.ParseUint(value, 16, 64)
		case "SigPnd":
			s.sigPnd, _ = strconv.ParseUint(value, 16, 64)
		case "Seccomp":
			s.seccomp = num()
		case "Seccomp_filters":
			s.filters = num()
		case "NSpid":
			ids := strings.Fields(value)
			s.nsInit = len(ids) > 0 && ids[len(ids)-1] == "1"
		case "Kthread":
			s.kthread = value == "1"
		}
	}
	return s
}

// taskIDs lists the threads of a process. A process that has gone has none.
func taskIDs(pid int) ([]int, error) {
	d, err := os.Open(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		if gone(err) {
			return nil, nil
		}
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil && !gone(err) {
		return nil, err
	}
	tids := make([]int, 0, len(names))
	for _, n := range names {
		if tid, err := strconv.Atoi(n); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}

// taskState gives the state letter of a thread, or "" when it has gone.
func taskState(pid, tid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold anything.
	_, rest, _ := bytes.Cut(text[max(0, bytes.LastIndexByte(text, ')')):], []byte(") "))
	if len(rest) == 0 {
		return ""
	}
	return string(rest[:1])
}

// gone says whether a /proc error means that the process has ended.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
