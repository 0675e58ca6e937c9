package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sources reads lines of source files.
type sources struct {
	cwd    string // of the target; "" when not known
	before time.Time
	files  map[string][]string
}

const maxSource = 8 << 20

// line gives a line of a .py file without its indentation; "" when the file is not there, or is newer than the
// target. Of other files nothing is shown: the name comes from the target.
func (s *sources) line(path string, n int) string {
	lines, known := s.files[path]
	if !known {
		lines = s.read(path)
		s.files[path] = lines
	}
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[n-1])
}

func (s *sources) read(path string) []string {
	if !filepath.IsAbs(path) {
		if s.cwd == "" {
			return nil
		}
		path = filepath.Join(s.cwd, path)
	}
	st, err := os.Stat(path)
	if err != nil || !strings.HasSuffix(path, ".py") || !st.Mode().IsRegular() || st.Size() > maxSource || st.ModTime().After(s.before) {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Split(string(b), "\n")
}

// startTime is when the target was started or taken: a source file that changed later is not what it runs.
func (s *subject) startTime() time.Time {
	switch {
	case s.meta != nil:
		return s.meta.Created.Add(time.Second) // it is cut to seconds
	case s.kind == "core":
		if st, err := os.Stat(s.target); err == nil {
			return st.ModTime()
		}
	default:
		if t, ok := processStart(s.pid); ok {
			return t
		}
	}
	return time.Time{}
}

// processStart gives when a process was started, late by up to a second.
func processStart(pid int) (time.Time, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return time.Time{}, false
	}
	const starttime, ticks = 22 - 3, 100 // proc(5), counted from behind the name; USER_HZ
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) <= starttime {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(fields[starttime], 10, 64)
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return time.Time{}, false
	}
	age := time.Duration(now.Nano()) - time.Duration(n)*time.Second/ticks
	return time.Now().Add(time.Second - age), true
}
