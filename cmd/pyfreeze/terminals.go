package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// useStreams gives this process streams of its own, of the kinds that the command had as its standard
// ones, a letter for each in order: t for a terminal, p for a pipe, f for a file, s for a socket. A
// program may ask for them before its point. The command's own must not stay open: whoever is at
// their other end waits for that. window is the size of the terminal: struct winsize as one number.
func useStreams(which string, window uint64) error {
	for fd, c := range []byte(which) {
		if fd > 2 {
			break
		}
		var own int
		var err error
		switch c {
		case 't':
			own, err = newTerminal(window)
		case 'p':
			own, err = newPipe(fd > 0)
		case 'f':
			own, err = newFile()
		case 's':
			var ends [2]int
			ends, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			own = ends[0]
			otherEnd(ends[1])
		default:
			continue
		}
		if err == nil {
			err = unix.Dup3(own, fd, 0)
			_ = unix.Close(own) // its copy stays
		}
		if err != nil {
			return fmt.Errorf("making a standard stream: %w", err)
		}
	}
	return nil
}

// others are the other ends of the streams: they stay open as long as this process runs.
var others []*os.File

// otherEnd keeps one, and reads away what comes.
func otherEnd(fd int) {
	f := os.NewFile(uintptr(fd), "the other end of a standard stream")
	others = append(others, f)
	go func() { _, _ = io.Copy(io.Discard, f) }()
}

func newTerminal(window uint64) (int, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, err
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return -1, err
	}
	size := unix.Winsize{Row: uint16(window), Col: uint16(window >> 16),
		Xpixel: uint16(window >> 32), Ypixel: uint16(window >> 48)}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &size); err != nil {
		return -1, err
	}
	const peer = 0x5441 // TIOCGPTPEER (asm-generic/ioctls.h, Linux 4.13)
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), peer,
		uintptr(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC))
	if errno != 0 {
		return -1, errno
	}
	others = append(others, master)
	return int(slave), nil
}

// newPipe returns the end that the command has.
func newPipe(writes bool) (int, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	if !writes {
		others = append(others, os.NewFile(uintptr(ends[1]), "the other end of the standard input"))
		return ends[0], nil
	}
	otherEnd(ends[0])
	return ends[1], nil
}

// newFile returns an empty file that has no name.
func newFile() (int, error) {
	f, err := os.CreateTemp("", "pyfreeze-stream-")
	if err != nil {
		return -1, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return -1, err
	}
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
}
