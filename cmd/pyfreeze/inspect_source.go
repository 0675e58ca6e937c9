package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/symbols"
)

// sources reads lines of source files.
type sources struct {
	cwd    string // of the target; "" when not known
	pid    int    // of a live target, which may have another root; 0: none
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
	if !strings.HasSuffix(path, ".py") {
		return nil
	}
	f, err := s.open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxSource || st.ModTime().After(s.before) {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSource))
	if err != nil {
		return nil
	}
	return strings.Split(string(b), "\n")
}

// open opens a file as the target sees it.
func (s *sources) open(path string) (*os.File, error) {
	if s.pid != 0 {
		if f, err := symbols.OpenInRoot(fmt.Sprintf("/proc/%d/root", s.pid), path); err == nil {
			return f, nil
		}
	}
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

// sources gives the source files of the target.
func (s *subject) sources() *sources {
	src := &sources{cwd: s.cwd, before: s.startTime(), files: map[string][]string{}}
	if s.kind == "process" {
		src.pid = s.pid
	}
	return src
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
