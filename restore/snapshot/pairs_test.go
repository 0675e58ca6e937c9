package snapshot

import (
	"encoding/json"
	"fmt"
	"testing"

	"pyfreeze/restore/internal/target"
)

// Pairs of sockets that a fresh pair would not be like cannot be made again, and that is told; what
// waits in the others is all there.
func TestPairsThatAreLikeNoOther(t *testing.T) {
	p := target.Talk(t, target.Debian, `
import json, os, socket, struct, sys
pairs = {}
def pair(name):
    a, b = pairs[name] = socket.socketpair()
    return a, b
pair('plain')
a, b = pair('data'); a.send(b'x' * 300); a.send(b'y'); b.send(b'back')
a, b = pair('nonblocking'); a.setblocking(False); b.settimeout(3)
a, b = pair('no more'); a.send(b'last'); a.shutdown(socket.SHUT_WR)
a, b = pair('no reading'); a.shutdown(socket.SHUT_RD)
a, b = pair('writers'); b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1); a.send(b'one')
if not os.fork(): a.send(b'two'); os._exit(0)
os.wait()
a, b = pair('timeout'); b.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 1, 0))
a, b = pair('closed'); a.close()
a, b = pair('many'); [a.send(bytes([i])) for i in range(100)]
print('ready')
print(json.dumps({n: [a.fileno(), b.fileno()] for n, (a, b) in pairs.items()}), flush=True)
sys.stdin.readline()
`)
	var pairs map[string][2]int
	if err := json.Unmarshal([]byte(p.Line()), &pairs); err != nil {
		t.Fatal(err)
	}
	p.Reading()
	all := descriptors(t, p.PID())
	for name, want := range map[string]struct {
		again    bool
		unreadBy [2]int
	}{
		"plain": {again: true}, "data": {again: true, unreadBy: [2]int{4, 301}},
		"nonblocking": {again: true}, "no more": {}, "no reading": {}, "writers": {}, "timeout": {},
		"many": {again: true, unreadBy: [2]int{0, 100}},
	} {
		a, b := all[pairs[name][0]].Open, all[pairs[name][1]].Open
		if a.Peer != b.Ino || b.Peer != a.Ino {
			t.Errorf("%s: %d and %d are no pair", name, a.Ino, b.Ino)
		}
		if got := !a.Opaque && !b.Opaque; got != want.again {
			t.Errorf("%s can be made again: %t", name, got)
		}
		if want.again && (len(a.Unread) != want.unreadBy[0] || len(b.Unread) != want.unreadBy[1]) {
			t.Errorf("%s: %d and %d bytes wait", name, len(a.Unread), len(b.Unread))
		}
	}
	if b := all[pairs["closed"][1]].Open; b.Peer != 0 && !b.Opaque {
		t.Errorf("a socket whose other end is closed has the peer %d", b.Peer)
	}
}

// An eventfd that counts down one by one is told from one that does not, from Linux 6.5 on.
func TestSemaphoresAreTold(t *testing.T) {
	p := target.Talk(t, "/usr/bin/python3.11", `
import os, sys
a, b = os.eventfd(3, os.EFD_SEMAPHORE), os.eventfd(2**32 - 1)
os.eventfd_write(b, 2**40)
print("ready"); print(a, b, "semaphore" in open("/proc/self/fdinfo/%d" % a).read(), flush=True)
sys.stdin.readline()`)
	var a, b int
	var tells string
	if _, err := fmt.Sscan(p.Line(), &a, &b, &tells); err != nil {
		t.Fatal(err)
	}
	all := descriptors(t, p.PID())
	if o := all[a].Open; o.Count != 3 || o.Opaque != (tells == "True") {
		t.Errorf("the semaphore is %+v, the kernel tells: %s", o, tells)
	}
	if o := all[b].Open; o.Count != 1<<40+1<<32-1 || o.Opaque {
		t.Errorf("the counter is %+v", o)
	}
}
