package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Descriptor is an open descriptor of a process above 2.
type Descriptor struct {
	FD     int    `json:"fd"`
	Target string `json:"target"`          // what /proc shows: a path, socket:[n], pipe:[n]
	Owner  string `json:"owner,omitempty"` // Python path of the object that owns it
	// Reopened says that a thaw makes it again: a file at the same offset, both ends of a pipe, an epoll with all that it watches.
	Reopened bool `json:"reopened,omitempty"`

	Open OpenFile `json:"-"`
}

// OpenFile is what the kernel says of a descriptor (proc_pid_fdinfo(5)).
type OpenFile struct {
	Offset   uint64
	Flags    int // of open(2), with O_CLOEXEC
	Locked   bool
	Dev, Ino uint64
	Mode     uint32
	Count    uint64  // of an eventfd
	Watches  []Watch // of an epoll
	Peer     uint64  // inode of the other end of a socket of the UNIX domain; 0: none, or not known
	Unread   []byte  // what waits in a pipe, or a stream socket of the UNIX domain
	Opaque   bool    // an eventfd that is a semaphore; a pipe or socket that holds what cannot be copied, or is as no fresh one is
}

// Watch is a descriptor that an epoll watches.
type Watch struct {
	FD     int
	Events uint32
	Data   uint64
}

// listDescriptors reads /proc/PID/fd. The process must be stopped.
func listDescriptors(pid int) ([]Descriptor, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := []Descriptor{}
	for _, n := range names {
		fd, err := strconv.Atoi(n.Name())
		if err != nil || fd <= 2 {
			continue
		}
		link, err := os.Readlink(dir + "/" + n.Name())
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		open, err := readOpenFile(pid, fd)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		switch {
		case strings.HasPrefix(link, "pipe:"):
			open.Unread, open.Opaque = unreadOfPipe(dir + "/" + n.Name())
		case strings.HasPrefix(link, "socket:"):
			var shut bool
			if open.Peer, shut = unixPeer(open.Ino); shut {
				open.Opaque = true
			} else if open.Peer != 0 {
				open.Unread, open.Opaque = unreadOfSocket(pid, fd)
			}
		}
		out = append(out, Descriptor{FD: fd, Target: link, Open: open})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].FD < out[j].FD })
	return out, nil
}

// readOpenFile asks for a descriptor of a stopped process.
func readOpenFile(pid, fd int) (o OpenFile, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		return o, err
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "pos":
			o.Offset, err = strconv.ParseUint(value, 10, 63)
		case "flags":
			var n uint64
			n, err = strconv.ParseUint(value, 8, 31)
			o.Flags = int(n)
		case "lock":
			o.Locked = true
		case "eventfd-count":
			o.Count, err = strconv.ParseUint(value, 16, 64)
		case "eventfd-semaphore": // Linux 6.5
			o.Opaque = value != "0"
		case "tfd":
			var w Watch
			if _, err := fmt.Sscanf(lines.Text(), "tfd: %d events: %x data: %x", &w.FD, &w.Events, &w.Data); err == nil {
				o.Watches = append(o.Watches, w)
			}
		}
		if err != nil {
			return o, fmt.Errorf("/proc/%d/fdinfo/%d: %w", pid, fd, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/fd/%d", pid, fd), &st); err != nil {
		return o, err
	}
	o.Dev, o.Ino, o.Mode = st.Dev, st.Ino, st.Mode
	return o, nil
}
