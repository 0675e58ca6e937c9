package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// useTerminals gives this process terminals of its own as those of its standard streams that the
// command had one as: a letter t for each, in order. A program may ask for them before its point.
// The command's own must not stay open: whoever is at their other end waits for that.
func useTerminals(which string) error {
	for fd, c := range []byte(which) {
		if c != 't' || fd > 2 {
			continue
		}
		master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			return err
		}
		// It stays open as long as this process runs.
		if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
			return fmt.Errorf("unlocking a terminal: %w", err)
		}
		const peer = 0x5441 // TIOCGPTPEER (asm-generic/ioctls.h, Linux 4.13)
		slave, _, errno := unix.Syscall(unix.SYS_IOCTL, master.Fd(), peer,
			uintptr(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC))
		if errno != 0 {
			return fmt.Errorf("opening a terminal: %w", errno)
		}
		terminals = append(terminals, master)
		if err := unix.Dup3(int(slave), fd, 0); err != nil {
			return fmt.Errorf("opening a terminal: %w", err)
		}
		_ = unix.Close(int(slave)) // its copy stays
	}
	return nil
}

// terminals are the other ends.
var terminals []*os.File
