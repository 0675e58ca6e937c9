package snapshot

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// readStart reads how a process was started. atExec says that nothing of its program has run yet; else the kernel's notes may be those
// that the program has changed since.
func readStart(pid int, atExec bool) (s Start, err error) {
	if s.Argv, err = readStrings(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil {
		return s, err
	}
	if s.Environ, err = readStrings(fmt.Sprintf("/proc/%d/environ", pid)); err != nil {
		return s, err
	}
	if s.Cwd, err = os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err != nil {
		return s, err
	}
	if s.Exe, err = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil {
		return s, err
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return s, err
	}
	s.Comm = strings.TrimSuffix(string(comm), "\n")
	if loaderRuns(pid) {
		if err := s.withoutLoader(); err != nil {
			return s, err
		}
	}
	if !atExec {
		s.Time = startTime(pid)
		return s, nil
	}
	s.Time = time.Now()
	if s.Mask, s.Ignored, err = readSignals(pid); err != nil {
		return s, err
	}
	if s.State, err = readState(pid); err != nil {
		return s, err
	}
	s.FDs = []int{}
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	for _, n := range names {
		if fd, err := strconv.Atoi(n.Name()); err == nil && fd > 2 {
			s.FDs = append(s.FDs, fd)
		}
	}
	return s, err
}

// startTime returns when a process was made, or a little later: the kernel counts in ticks. The zero time where that is not known.
func startTime(pid int) time.Time {
	const field, tick = 22, 10 * time.Millisecond // proc_pid_stat(5); USER_HZ is 100 on every Linux
	_, fields, err := stat(pid)
	if err != nil {
		return time.Time{}
	}
	up, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return time.Time{}
	}
	now := time.Now()
	ticks, err := strconv.ParseUint(fields[field-3], 10, 63)
	first, _, _ := strings.Cut(string(up), " ")
	seconds, err2 := strconv.ParseFloat(first, 64)
	if err != nil || err2 != nil {
		return time.Time{}
	}
	boot := now.Add(-time.Duration(seconds * float64(time.Second)))
	return boot.Add(time.Duration(ticks+1) * tick)
}

// A program may be started through the loader: "/lib64/ld-linux-x86-64.so.2 /usr/bin/python3 SCRIPT". The kernel starts ld.so then, which
// loads the interpreter like a library. What comes of it is the same process, but for what the kernel calls it; the thaw starts the
// interpreter itself.

// loaderRuns says whether ld.so is what the kernel started.
func loaderRuns(pid int) bool {
	f, err := symbols.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Interp == "" && strings.HasPrefix(f.Soname(), "ld-linux")
}

// withoutLoader leaves the loader out. Its options change what is loaded, and there is none that does so without it.
func (s *Start) withoutLoader() error {
	if len(s.Argv) < 2 || strings.HasPrefix(s.Argv[1], "-") {
		return &StateError{"an interpreter that was started through the loader with options",
			"start it without them, with LD_LIBRARY_PATH or LD_PRELOAD"}
	}
	s.Argv = s.Argv[1:]
	name := filepath.Base(s.Argv[0])
	s.Comm = name[:min(len(name), 15)]
	return nil
}

// entryThroughLoader returns the entry point of the program that ld.so, which has not run yet, is to start. Only that of a program whose
// place is fixed is known before.
func entryThroughLoader(pid int) (procmem.Addr, error) {
	s, err := readStart(pid, false)
	if err != nil {
		return 0, err
	}
	f, err := symbols.Open(s.Argv[0]) // ld.so does not look on PATH either
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if f.Type != elf.ET_EXEC {
		return 0, &StateError{"a position-independent program that is started through the loader", "start it without, or attach to it when it runs"}
	}
	return f.Entry, nil
}

// auxEntry returns the entry point of the program that a process has started.
func auxEntry(pid int) (procmem.Addr, error) {
	const atEntry = 9
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return 0, err
	}
	for ; len(b) >= 16; b = b[16:] {
		if le.Uint64(b) == atEntry {
			return procmem.Addr(le.Uint64(b[8:])), nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/auxv has no AT_ENTRY", pid)
}

// readStrings reads a file of NUL-terminated strings.
func readStrings(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), nil
}
