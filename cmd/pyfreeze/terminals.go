package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"pyfreeze/cmd/pyfreeze/internal/pty"
	"pyfreeze/restore/launcher"
)

// useStreams gives this process streams of its own, of the kinds that the command had as its
// standard ones, a letter for each in order: t for a terminal, p for a pipe, f for a file, s for a
// socket. A program may ask for them before its point. The command's own must not stay open:
// whoever is at their other end waits for that. window is the size of the terminal: struct winsize
// as one number.
func useStreams(which string, window uint64) error {
	for fd, c := range []byte(which) {
		if fd > 2 {
			break
		}
		var own int
		var err error
		switch c {
		case 't':
			own, err = newTerminal(window, fd)
		case 'p':
			own, err = newPipe(fd)
		case 'f':
			own, err = newFile()
		case 's':
			var ends [2]int
			ends, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			own = ends[0]
			otherEnd(os.NewFile(uintptr(ends[1]), "the other end of a standard stream"), fd)
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

// ownStreams tells the kinds of this process's standard streams, as useStreams takes them.
func ownStreams() (which string, window uint64) {
	for fd := range 3 {
		var st unix.Stat_t
		kind := "-"
		if w, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			kind = "t"
			window = uint64(w.Row) | uint64(w.Col)<<16 | uint64(w.Xpixel)<<32 | uint64(w.Ypixel)<<48
		} else if unix.Fstat(fd, &st) == nil {
			switch st.Mode & unix.S_IFMT {
			case unix.S_IFIFO:
				kind = "p"
			case unix.S_IFREG:
				kind = "f"
			case unix.S_IFSOCK:
				kind = "s"
			}
		}
		which += kind
	}
	return which, window
}

// others are the other ends of the streams: they stay open as long as this process runs.
var others []*os.File

// written are what was written to the streams of this process, by descriptor; nil where it has no
// other end of ours.
var written [3]*transcript

// otherEnd keeps one, and reads what comes.
func otherEnd(f *os.File, fd int) {
	others = append(others, f)
	written[fd] = newTranscript()
	go func() { _, _ = io.Copy(written[fd], f) }()
}

// taken returns what was written to the standard output and error since it was last called: nothing
// for a stream that keeps nothing. It ends with the text that this process adds to see the end.
func taken() (out [2]string) {
	for i := range out {
		if t := written[i+1]; t != nil {
			out[i] = t.upTo(i + 1)
		}
	}
	return out
}

func newTerminal(window uint64, fd int) (int, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return -1, err
	}
	defer slave.Close() // its copy stays
	size := unix.Winsize{Row: uint16(window), Col: uint16(window >> 16),
		Xpixel: uint16(window >> 32), Ypixel: uint16(window >> 48)}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		return -1, err
	}
	otherEnd(master, fd)
	return unix.FcntlInt(slave.Fd(), unix.F_DUPFD_CLOEXEC, 3)
}

// newPipe returns the end that the command has.
func newPipe(fd int) (int, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	if fd == 0 {
		others = append(others, os.NewFile(uintptr(ends[1]), "the other end of the standard input"))
		return ends[0], nil
	}
	otherEnd(os.NewFile(uintptr(ends[0]), "the other end of a standard stream"), fd)
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

// standard are the standard streams.
func standard() launcher.Streams {
	return launcher.Streams{Files: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, Taken: taken}
}
