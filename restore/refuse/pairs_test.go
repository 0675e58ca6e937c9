package refuse

import "testing"

// Pairs that a fresh pair is not like, and eventfds that eventfd(2) does not make, or not so.
func TestPairs(t *testing.T) {
	const held = `sys\.modules\['json'\]\.held\[0\] holds <`
	const closeIt = ` \(close it before the freeze, or --allow `
	const pair = "import socket\na, b = socket.socketpair()\nhold(a)\nhold(b)\n"
	const both = `sys\.modules\['__main__'\]\.a holds <socket\.socket fd=\d+> on socket:\[\d+\]` + closeIt + `socket\)` + "\n.*"
	tell(t, map[string]story{
		"one that is shut down": {
			refused: pair + "a.send(b'last')\na.shutdown(socket.SHUT_WR)",
			says:    both, allow: "socket", resume: true,
			near: pair + "a.send(b'last')",
		},
		"one that passes credentials": {
			refused: pair + "b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)",
			says:    both, allow: "socket", resume: true,
			near: pair + "b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)",
		},
		"an eventfd that is a semaphore": {
			refused: "hold(open(os.eventfd(3, os.EFD_SEMAPHORE), 'rb', 0))",
			says:    held + `_io\.FileIO fd=\d+> on anon_inode:\[eventfd\]` + closeIt + `eventfd\)`,
			allow:   "eventfd", resume: true,
			near: "hold(open(os.eventfd(3), 'rb', 0))",
		},
		"an eventfd that has counted far": {
			refused: "hold(open(os.eventfd(1), 'rb', 0))\nos.eventfd_write(json.held[0].fileno(), 2**32 - 1)",
			says:    held + `_io\.FileIO fd=\d+> on anon_inode:\[eventfd\]` + closeIt + `eventfd\)`,
			allow:   "eventfd", resume: true,
			near: "hold(open(os.eventfd(1), 'rb', 0))\nos.eventfd_write(json.held[0].fileno(), 2**32 - 2)",
		},
	})
}
