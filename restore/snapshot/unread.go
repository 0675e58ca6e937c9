package snapshot

import (
	"golang.org/x/sys/unix"
)

// maxUnread is how many bytes a thaw can put into a fresh pipe or socket without waiting for a reader.
const maxUnread = 64 << 10

// unreadOfPipe copies what waits in a pipe of a stopped process, and leaves it there: tee(2). opaque says that it could not.
func unreadOfPipe(path string) (unread []byte, opaque bool) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false // its reading end is closed, and not ours
	}
	defer unix.Close(fd)
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil || n == 0 {
		return nil, err != nil
	}
	var ends [2]int
	if n > maxUnread || unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return nil, true
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	// Each write lies on a page of its own: as many pages as the pipe has.
	if size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0); err == nil {
		_, _ = unix.FcntlInt(uintptr(ends[1]), unix.F_SETPIPE_SZ, size) // else tee copies less, which is seen
	}
	if got, err := unix.Tee(fd, ends[1], n, unix.SPLICE_F_NONBLOCK); err != nil || int(got) != n {
		return nil, true
	}
	unread = make([]byte, n)
	if got, err := unix.Read(ends[0], unread); err != nil || got != n {
		return nil, true
	}
	return unread, false
}

// unreadOfSocket copies what waits in a connected socket of the UNIX domain of a stopped process, and leaves it there. opaque says
// that it could not: the socket is none of a stream, has options that a fresh one has not, or
// descriptors are under way in it.
func unreadOfSocket(pid, fd int) (unread []byte, opaque bool) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, true
	}
	defer unix.Close(pidfd)
	s, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return nil, true
	}
	defer unix.Close(s)
	if typ, err := unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || typ != unix.SOCK_STREAM {
		return nil, true
	}
	for _, option := range []int{unix.SO_PASSCRED, unix.SO_PASSSEC} {
		if set, err := unix.GetsockoptInt(s, unix.SOL_SOCKET, option); err != nil || set != 0 {
			return nil, true // and what several have sent is not read at once
		}
	}
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if t, err := unix.GetsockoptTimeval(s, unix.SOL_SOCKET, option); err != nil || *t != (unix.Timeval{}) {
			return nil, true
		}
	}
	waiting, err := unix.IoctlGetInt(s, unix.TIOCINQ)
	if err != nil {
		return nil, true
	}
	b := make([]byte, maxUnread+1)
	n, _, flags, _, err := unix.Recvmsg(s, b, nil, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN:
		return nil, waiting != 0
	case err != nil || n != waiting || n > maxUnread || flags&unix.MSG_CTRUNC != 0:
		return nil, true
	}
	return b[:n], false
}
