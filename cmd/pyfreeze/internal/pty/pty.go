// Package pty makes pseudo-terminals: for builders, for tests, and for the tools that compare
// programs on a terminal.
package pty

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Open gives a new pseudo-terminal: what is typed is written to master, programs run on slave.
func Open() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	// Fd would make it block, and a read of it could not be ended by closing it.
	raw, err := master.SyscallConn()
	if err != nil {
		_ = master.Close()
		return nil, nil, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { slave, failed = peer(fd) })
	if err == nil {
		err = failed
	}
	if err != nil {
		_ = master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}

// peer opens the other end.
func peer(fd uintptr) (*os.File, error) {
	if err := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlocking a terminal: %w", err)
	}
	// Not by its path below /dev/pts: that may be another mount's.
	const get = 0x5441 // TIOCGPTPEER (asm-generic/ioctls.h, Linux 4.13)
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, get, uintptr(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC))
	if errno != 0 {
		return nil, fmt.Errorf("opening a terminal: %w", errno)
	}
	return os.NewFile(slave, "terminal"), nil
}
