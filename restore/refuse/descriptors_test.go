package refuse

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/memory"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// Descriptors that a thaw cannot make again, each beside one that it can.
func TestDescriptors(t *testing.T) {
	const held = `sys\.modules\['json'\]\.held\[0\](\.raw|\.buffer\.raw)? holds `
	const closeIt = ` \(close it before the freeze, or --allow `
	const open = "n = os.environ['TMPDIR'] + '/f'\n"
	tell(t, map[string]story{
		"a file to write": {
			refused: open + "hold(open(n, 'wb'))",
			says: held + `<_io\.FileIO fd=\d+> on /\S+/f, a file that every thaw would write to ` +
				`at the same place` + closeIt + `file\)`, allow: "file", resume: true,
			near: open + "hold(open(n, 'ab'))",
		},
		"a file with data": {
			refused: open + "hold(open(n, 'ab'))\njson.held[0].write(b'x')",
			says: held + `<_io\.FileIO fd=\d+> on /\S+/f, with data that was not written yet ` +
				`\(flush it before the freeze, or --allow file\)`, allow: "file", resume: true,
			near: open + "hold(open(n, 'ab'))\njson.held[0].write(b'x')\njson.held[0].flush()",
		},
		"a text file with data": {
			refused: open + "hold(open(n, 'a'))\njson.held[0].write('x')",
			says:    held + `<_io\.FileIO fd=\d+> on /\S+/f, with data that was not written yet .*`,
			allow:   "file", resume: true,
			near: open + "hold(open(n, 'a', buffering=1))\njson.held[0].write('x\\n')",
		},
		"a locked file": {
			refused: open + "import fcntl\nhold(open(n, 'ab'))\nfcntl.flock(json.held[0], 2)",
			says:    held + `<_io\.FileIO fd=\d+> on /\S+/f, a file that is locked` + closeIt + `file\)`,
			allow:   "file", resume: true,
			near: open + "import fcntl\nhold(open(n, 'ab'))\nfcntl.flock(json.held[0], 2)\n" +
				"fcntl.flock(json.held[0], 8)",
		},
		"a file that is gone": {
			refused: open + "hold(open(n, 'ab'))\nos.remove(n)",
			says: held + `<_io\.FileIO fd=\d+> on /\S+/f \(deleted\), a file that is no longer ` +
				`under its path` + closeIt + `file\)`, allow: "file", resume: true,
			near: open + "hold(open(n, 'ab'))\nos.link(n, n + '2')\nos.remove(n + '2')",
		},
		"another file of its name": {
			refused: open + "hold(open(n, 'ab'))\nos.rename(n, n + '2')\nopen(n, 'w')\n" +
				"os.remove(n + '2')",
			says:  held + `.*, a file that is no longer under its path` + closeIt + `file\)`,
			allow: "file", resume: true,
			near: open + "hold(open(n, 'ab'))\nos.rename(n, n + '2')\nopen(n, 'w')",
		},
		"a file of the kernel": {
			refused: "hold(open('/proc/self/status', 'rb'))",
			says: held + `<_io\.FileIO fd=\d+> on /proc/\d+/status, a file of the kernel, about ` +
				`this process or this moment` + closeIt + `file\)`, allow: "file", resume: true,
			near: "hold(open('/usr/bin/python3.11', 'rb'))\njson.held[0].read(5)",
		},
		"a socket that listens": {
			refused: "import socket\nhold(socket.create_server(('127.0.0.1', 0)))",
			says:    held + `<socket\.socket fd=\d+> on socket:\[\d+\]` + closeIt + `socket\)`,
			allow:   "socket", resume: true,
			near: "import socket\nhold(socket.socketpair())",
		},
		"a pipe from elsewhere": {
			refused: "import subprocess\n" +
				"hold(os.popen('exec sleep 60 2>/dev/null')._stream)",
			says: held + `<_io\.FileIO fd=\d+> on pipe:\[\d+\]` + closeIt + `pipe\)` + "\n" +
				`.*a child process that was not waited for.*`, allow: "pipe,child", resume: true,
			near: "for fd, m in zip(os.pipe(), ('rb', 'wb')): hold(os.fdopen(fd, m))",
		},
		"a memfd": {
			refused: "hold(open(os.memfd_create('x'), 'wb'))",
			says:    held + `<_io\.FileIO fd=\d+> on /memfd:x \(deleted\)` + closeIt + `memfd\)`,
			allow:   "memfd", resume: true,
			near: "import select\nhold(select.epoll())",
		},
		"a terminal": {
			refused: "import pty\nm, s = pty.openpty()\nos.close(m)\nhold(open(s, 'rb', 0))",
			says:    held + `<_io\.FileIO fd=\d+> on /dev/pts/\d+ \(deleted\)` + closeIt + `pty\)`,
			allow:   "pty", resume: true,
			near: "hold(open('/dev/null', 'wb', 0))\nhold(open('/dev/urandom', 'rb', 0))",
		},
	})
}

// Memory that others see, too; and such as nobody else has.
func TestSharedMemory(t *testing.T) {
	const held = `sys\.modules\['json'\]\.held\[0\] holds `
	const closeIt = ` \(close what maps it before the freeze\)`
	tell(t, map[string]story{
		"of nobody else": {
			refused: "import mmap\nhold(mmap.mmap(-1, 4096))",
			says: held + `shared writable memory of /dev/zero ` +
				`\([0-9a-f]+-[0-9a-f]+\)` + closeIt, resume: true,
			near: "import mmap\nhold(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE))",
		},
		"of a file": {
			refused: "import mmap\nf = open(os.environ['TMPDIR'] + '/f', 'wb+')\n" +
				"f.truncate(4096)\nhold(mmap.mmap(f.fileno(), 4096))\nf.close()\n" +
				"os.close(4)",
			says:   held + `shared writable memory of /\S+/f \([0-9a-f]+-[0-9a-f]+\)` + closeIt,
			resume: true,
			near: "import mmap\nf = open('/usr/bin/python3.11', 'rb')\n" +
				"hold(mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ))\nf.close()",
		},
		"of a semaphore": {
			refused: "import multiprocessing\nhold(multiprocessing.get_context('fork').Semaphore())",
			says: `sys\.modules\['json'\]\.held\[0\]\._semlock holds shared writable memory of ` +
				`/dev/shm/\S+ \([0-9a-f]+-[0-9a-f]+\)` + closeIt, resume: true,
			near: "import multiprocessing\nhold(threading.Semaphore())",
		},
	})
}

// What a graphics card's driver maps is refused by its device; not what maps zeros.
func TestDeviceMemory(t *testing.T) {
	f := freeze(t, "")
	for path, want := range map[string]string{
		"/dev/nvidia0":             "memory of a device of /dev/nvidia0",
		"/dev/dri/renderD128":      "memory of a device of /dev/dri/renderD128",
		"anon_inode:[io_uring]":    "memory of a device of anon_inode:[io_uring]",
		"/dev/zero":                "",
		"/usr/share/dev/nvidia0":   "",
		"/dev/shm/x":               "",
		"[vvar]":                   "",
		"/home/me/anon_inode:what": "",
	} {
		m := procmem.Mapping{Range: procmem.Range{Start: 0x1000, End: 0x3000}, Path: path, Inode: 7}
		m.Read = true
		got := ""
		for _, o := range f.shared(memory.Unshareable([]procmem.Mapping{m}, nil)) {
			got += o.String()
		}
		if want != "" {
			want += " (1000-3000) (close what maps it before the freeze)"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// What a thaw makes again has the number, the place, the content and the C ints of the original.
func TestMadeAgain(t *testing.T) {
	f := freeze(t, `
import select, socket
n = os.environ['TMPDIR'] + '/f'
open(n, 'w').write('0123456789')
hold(open(n, 'rb', 0)); json.held[0].read(7)
r, w = os.pipe(); hold(open(w, 'wb', 0)); hold(open(r, 'rb', 0)); json.held[1].write(b'waits')
a, b = socket.socketpair(); hold(a); hold(b); a.send(b'to b'); b.send(b'to a!')
hold(select.epoll()); json.held[-1].register(r, select.EPOLLIN)
os.close(os.dup(1))
gone = socket.socketpair()[0].detach()
`)
	fds, out := f.Descriptors(f.c, again)
	if len(out) != 1 || out[0].Kind != "socket" || out[0].Path != "" {
		t.Errorf("refused: %v", out)
	}
	byKind := map[uint32]*Made{}
	for i := range fds.Made {
		m := &fds.Made[i]
		byKind[m.Kind] = m
		for _, a := range m.Holds {
			if n, err := f.Space.I32(a); err != nil || int(n) != m.D.FD {
				t.Errorf("%v is to hold %d and holds %d, %v", a, m.D.FD, n, err)
			}
		}
	}
	file, pipe, pair := byKind[stub.FDFile], byKind[stub.FDPipe], byKind[stub.FDSockets]
	epoll := byKind[stub.FDEpoll]
	all := file != nil && pipe != nil && pair != nil && epoll != nil
	if len(byKind) != 4 || len(fds.Made) != 4 || !all {
		t.Fatalf("made again: %+v", fds.Made)
	}
	if !file.Same || file.D.Open.Offset != 7 || len(file.Holds) != 1 {
		t.Errorf("the file: %+v %+v", file, file.D.Open)
	}
	if pipe.D.Open.Flags&unix.O_ACCMODE != unix.O_RDONLY || string(pipe.D.Open.Unread) != "waits" ||
		pipe.Other.Open.Flags&unix.O_ACCMODE != unix.O_WRONLY {
		t.Errorf("the pipe: %+v, %+v", pipe.D.Open, pipe.Other.Open)
	}
	if string(pair.D.Open.Unread) != "to a!" || string(pair.Other.Open.Unread) != "to b" {
		t.Errorf("the sockets: %q, %q", pair.D.Open.Unread, pair.Other.Open.Unread)
	}
	w := epoll.D.Open.Watches
	if len(w) != 1 || w[0].FD != pipe.D.FD || w[0].Events&unix.EPOLLIN == 0 {
		t.Errorf("the epoll watches %+v, not %d", w, pipe.D.FD)
	}
	if n := len(fds.Records(&stub.Tables{})); n != 5 { // one for each, and one for the watch
		t.Errorf("there are %d records", n)
	}
}

// What is dropped with a frame is marked closed, and its number is kept from use.
func TestDroppedWithItsFrame(t *testing.T) {
	f := freeze(t, "import socket\ndef f():\n s = socket.create_server(('127.0.0.1', 0))\n"+
		" print('ready')\n sys.stdin.readline()\nf()")
	fds, out := f.Descriptors(f.c, again)
	if len(out) > 0 || len(fds.Pokes) != 1 || !slices.Equal(fds.Reserved, []int{3}) {
		t.Fatalf("%v, %+v", out, fds)
	}
	p := fds.Pokes[0]
	n, err := f.Space.I32(procmem.Addr(p.Addr))
	if err != nil || n != 3 || int32(p.Value) != -1 || p.Size != 4 {
		t.Errorf("%+v is put over %d, %v", p, n, err)
	}
	if _, out := f.Descriptors(f.c, goesOn); len(out) != 1 {
		t.Errorf("a program that goes on has it: %v", out)
	}
}

// What was inherited is left to whoever starts a thaw, even where it could not be made again.
func TestInherited(t *testing.T) {
	c := &snapshot.Copy{}
	d := &snapshot.Descriptor{FD: 5}
	for _, x := range []struct {
		start []int
		flags int
		want  bool
	}{{nil, 0, true}, {nil, unix.O_CLOEXEC, false}, {[]int{}, 0, false}, {[]int{4}, 0, false},
		{[]int{4, 5}, unix.O_CLOEXEC, true}} {
		c.Start.FDs, d.Open.Flags = x.start, x.flags
		if got := inherited(c, d); got != x.want {
			t.Errorf("%+v: %v", x, got)
		}
	}
}

// A file is a database by its first bytes, whatever its name; an empty one may become one.
func TestIsSQLite(t *testing.T) {
	dir := t.TempDir()
	const magic = "SQLite format 3\x00"
	for text, want := range map[string]bool{magic: true, magic + "more": true, "": true,
		magic[:15]: false, "x" + magic: false, "SQLite format 4\x00": false} {
		path := dir + "/f"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := isSQLite(path); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if err := unix.Mkfifo(dir+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir + "/fifo", dir, dir + "/none", "f", "socket:[1]"} {
		if isSQLite(path) {
			t.Errorf("%s is a database", path)
		}
	}
}
