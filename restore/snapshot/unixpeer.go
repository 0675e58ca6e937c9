package snapshot

import (
	"golang.org/x/sys/unix"
)

// unixPeer asks the kernel for the other end of a socket of the UNIX domain by its inode (sock_diag(7)): 0 where it has none, is of another
// kind, or of another network namespace. shut says that one direction of it is shut down.
func unixPeer(ino uint64) (peer uint64, shut bool) {
	const (
		byFamily        = 20     // SOCK_DIAG_BY_FAMILY
		showPeer        = 1 << 2 // UDIAG_SHOW_PEER
		attrPeer        = 2      // UNIX_DIAG_PEER
		attrShutdown    = 6      // UNIX_DIAG_SHUTDOWN, which is told in any case
		header, request = 16, 24
	)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	b := make([]byte, header+request)
	le.PutUint32(b, uint32(len(b)))
	le.PutUint16(b[4:], byFamily)
	le.PutUint16(b[6:], unix.NLM_F_REQUEST)
	b[16] = unix.AF_UNIX
	le.PutUint32(b[20:], ^uint32(0)) // all states
	le.PutUint32(b[24:], uint32(ino))
	le.PutUint32(b[28:], showPeer)
	le.PutUint64(b[32:], ^uint64(0)) // any cookie
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, false
	}
	answer := make([]byte, 1024)
	n, _, err := unix.Recvfrom(fd, answer, unix.MSG_DONTWAIT)
	if err != nil || n < header+16 || le.Uint16(answer[4:]) != byFamily {
		return 0, false
	}
	for attrs := answer[header+16 : n]; len(attrs) >= 4; {
		size, typ := int(le.Uint16(attrs)), le.Uint16(attrs[2:])
		if size < 4 || size > len(attrs) {
			break
		}
		if typ == attrPeer && size >= 8 {
			peer = uint64(le.Uint32(attrs[4:]))
		}
		if typ == attrShutdown && size > 4 {
			shut = attrs[4] != 0
		}
		attrs = attrs[min((size+3)&^3, len(attrs)):]
	}
	return peer, shut
}
