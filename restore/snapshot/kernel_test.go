package snapshot

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/stub"
	"pyfreeze/tracer"
)

// descriptors lists those of a process by number.
func descriptors(t *testing.T, pid int) map[int]Descriptor {
	t.Helper()
	list, err := listDescriptors(pid)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]Descriptor{}
	for _, d := range list {
		out[d.FD] = d
	}
	return out
}

// Every descriptor is told as the program has it, and what waits in it is still there.
func TestDescriptorsAreTold(t *testing.T) {
	p := target.Talk(t, target.Debian, `
import ctypes, fcntl, json, os, select, socket, sys
n = os.environ['TMPDIR'] + '/f'
open(n, 'w').write('0123456789')
fd = {}
fd['read'] = os.open(n, os.O_RDONLY); os.lseek(fd['read'], 4, 0)
fd['append'] = os.open(n, os.O_RDWR | os.O_APPEND | os.O_NONBLOCK)
fd['locked'] = os.open(n, os.O_RDWR); fcntl.flock(fd['locked'], fcntl.LOCK_EX)
fd['inherited'] = os.dup(fd['read']); os.set_inheritable(fd['inherited'], True)
fd['event'] = ctypes.CDLL(None).eventfd(0x1234, 0)
fd['r'], fd['w'] = os.pipe(); os.write(fd['w'], b'a' * 5000); os.write(fd['w'], b'b')
fd['full'], fw = os.pipe(); fcntl.fcntl(fw, 1031, 1 << 18); os.write(fw, b'x' * 70000)
e = select.epoll(); e.register(fd['r'], select.EPOLLIN | select.EPOLLET); fd['epoll'] = e.fileno()
a, b = socket.socketpair(); a.send(b'12'); a.send(b'345'); fd['a'], fd['b'] = a.fileno(), b.fileno()
c, d = socket.socketpair(); socket.send_fds(c, [b'fd'], [0]); fd['rights'] = d.fileno()
g, h = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); g.send(b'x'); fd['dgram'] = h.fileno()
fd['inet'] = socket.socket().detach()
print('ready'); print(json.dumps(fd), flush=True)
for line in sys.stdin:
    print(len(os.read(fd['r'], 9999)), b.recv(99), len(os.read(fd['full'], 99999)), flush=True)`)
	line := strings.NewReplacer("{", "", "}", "", `"`, "", ",", "").Replace(p.Line())
	p.Reading()
	all := descriptors(t, p.PID())
	d := map[string]OpenFile{}
	words := strings.Fields(line)
	for i := 0; i < len(words); i += 2 {
		d[strings.TrimSuffix(words[i], ":")] = all[atoi(t, words[i+1])].Open
	}
	check := func(what string, is bool) {
		t.Helper()
		if !is {
			t.Errorf("%s: %+v", what, d[what])
		}
	}
	check("read", d["read"].Offset == 4 && d["read"].Flags&unix.O_CLOEXEC != 0 && !d["read"].Locked)
	check("inherited", d["inherited"].Flags&unix.O_CLOEXEC == 0 && d["inherited"].Offset == 4)
	check("append", d["append"].Flags&(unix.O_APPEND|unix.O_NONBLOCK|unix.O_ACCMODE) ==
		unix.O_APPEND|unix.O_NONBLOCK|unix.O_RDWR)
	check("locked", d["locked"].Locked && d["locked"].Ino == d["read"].Ino)
	check("event", d["event"].Count == 0x1234)
	check("r", string(d["r"].Unread) == strings.Repeat("a", 5000)+"b" && !d["r"].Opaque)
	check("full", d["full"].Unread == nil && d["full"].Opaque) // more than a fresh pipe takes
	w := d["epoll"].Watches
	check("epoll", len(w) == 1 && all[w[0].FD].Open.Ino == d["r"].Ino &&
		w[0].Events&(unix.EPOLLIN|unix.EPOLLET) == unix.EPOLLIN|unix.EPOLLET)
	check("b", string(d["b"].Unread) == "12345" && d["b"].Peer == d["a"].Ino && !d["b"].Opaque)
	check("a", d["a"].Unread == nil && d["a"].Peer == d["b"].Ino && !d["a"].Opaque)
	check("rights", d["rights"].Opaque && d["rights"].Unread == nil)
	check("dgram", d["dgram"].Opaque)
	check("inet", d["inet"].Peer == 0 && d["inet"].Unread == nil)
	if got := p.Ask("go on"); got != "5001 b'12345' 70000" {
		t.Errorf("it then reads %s", got)
	}
}

// atoi reads a number.
func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	for _, c := range s {
		if c < '0' || c > '9' {
			t.Fatalf("%q is no number", s)
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// How a command was started is told as it was, also through the loader, before it has run.
func TestStart(t *testing.T) {
	const loader = "/lib64/ld-linux-x86-64.so.2"
	dir := t.TempDir()
	write(t, dir, "in here/x", "", 0o600)
	cwd := filepath.Join(dir, "in here")
	for _, prefix := range [][]string{nil, {loader}} {
		argv := append(append([]string{}, prefix...), target.Debian, "-c", "pass", "", "a\nb", "ä\xff")
		c := beginIn(t, cwd, `exec 7</dev/null env --ignore-signal=USR1 --block-signal=HUP A=1 `+
			`B= "$@"`, argv...)
		if err := c.ToPython(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := c.Command.Start()
		if !slices.Equal(s.Argv, argv[len(prefix):]) || s.Cwd != cwd ||
			!slices.Contains(s.Environ, "A=1") || !slices.Contains(s.Environ, "B=") {
			t.Errorf("started with %q %q in %s", s.Argv, s.Environ, s.Cwd)
		}
		if s.Comm != "python3.11" || s.Ignored != 1<<9 || s.Mask&1 == 0 ||
			!slices.Equal(s.FDs, []int{7}) {
			t.Errorf("%s, ignoring %#x, blocking %#x, with %v", s.Comm, s.Ignored, s.Mask, s.FDs)
		}
		if since := time.Since(s.Time); since < 0 || since > time.Minute {
			t.Errorf("it was started %v ago", since)
		}
	}
	c := begin(t, loader, "--inhibit-cache", target.Debian, "-c", "pass")
	err := c.ToPython(t.Context())
	const want = "cannot freeze: the process has an interpreter that was started through the loader " +
		"with options (start it without them, with LD_LIBRARY_PATH or LD_PRELOAD)"
	if err == nil || err.Error() != want {
		t.Errorf("through the loader with options: %v", err)
	}
}

// The time of the start is never before it, and little after.
func TestStartTime(t *testing.T) {
	for range 5 {
		before := time.Now()
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Now()
		got := startTime(cmd.Process.Pid)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		// Of /proc/uptime there are hundredths, as of the ticks.
		if got.Before(before.Add(-time.Millisecond)) || got.After(after.Add(50*time.Millisecond)) {
			t.Errorf("%v, started between %v and %v", got, before, after)
		}
	}
	if got := startTime(1<<22 + 1); !got.IsZero() {
		t.Errorf("of none: %v", got)
	}
}

// Strings that end in NUL are read as they are, empty ones as well.
func FuzzReadStrings(f *testing.F) {
	for _, s := range []string{"", "\x00", "a\x00b\x00", "a\x00\x00", "a", "\x00\x00b"} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "f")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readStrings(path)
		if err != nil {
			t.Fatal(err)
		}
		var back []byte
		for _, s := range got {
			back = append(append(back, s...), 0)
		}
		if len(b) > 0 && b[len(b)-1] != 0 { // a program may have overwritten the last
			b = append(slices.Clone(b), 0)
		}
		if !bytes.Equal(back, b) {
			t.Errorf("%q is read as %q", b, got)
		}
	})
}

// The stub lies where nothing is, above all else that is low and below all that is high; where
// there is no such place, that is said.
func TestChooseBase(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		var maps []procmem.Mapping
		for range random.IntN(60) {
			at := procmem.Addr(random.Uint64N(0x7fff00000000) &^ 4095)
			size := procmem.Addr(random.Uint64N(1<<uint(12+random.IntN(32)))&^4095 + 4096)
			maps = append(maps, procmem.Mapping{Range: procmem.Range{Start: at, End: at + size}})
		}
		base, err := chooseBase(maps)
		if err != nil {
			t.Fatal(err)
		}
		region := procmem.Range{Start: base, End: base + stub.Region}
		for i := range maps {
			if maps[i].Overlaps(region) || base%4096 != 0 {
				t.Fatalf("%v lies over %v", region, maps[i].Range)
			}
		}
	}
	full := []procmem.Mapping{{Range: procmem.Range{Start: 0x1000, End: 0x7ffffffff000}}}
	if base, err := chooseBase(full); err == nil {
		t.Errorf("%v is free where nothing is", base)
	}
}

// A twin does nothing that others see: of the calls that threads make, those that do are stopped.
func TestHarmless(t *testing.T) {
	const private, anonymous, fixed = unix.MAP_PRIVATE, unix.MAP_ANONYMOUS, unix.MAP_FIXED
	for _, c := range []struct {
		nr   uint64
		args [6]uint64
		want bool
	}{
		{unix.SYS_MMAP, [6]uint64{3: private | anonymous}, true},
		{unix.SYS_MMAP, [6]uint64{3: private | anonymous | fixed}, true},
		{unix.SYS_MMAP, [6]uint64{3: unix.MAP_SHARED | anonymous}, false},
		{unix.SYS_MMAP, [6]uint64{3: private}, false},
		{unix.SYS_FUTEX, [6]uint64{1: 1 | 128}, true},
		{unix.SYS_FUTEX, [6]uint64{1: 10}, true},
		{unix.SYS_FUTEX, [6]uint64{1: 0 | 128}, false},
		{unix.SYS_FUTEX, [6]uint64{1: 9 | 256}, false},
		{unix.SYS_MADVISE, [6]uint64{2: unix.MADV_DONTNEED}, true},
		{unix.SYS_MADVISE, [6]uint64{2: unix.MADV_REMOVE}, false},
		{nr: unix.SYS_BRK, want: true}, {nr: unix.SYS_MUNMAP, want: true},
		{nr: unix.SYS_WRITE}, {nr: unix.SYS_READ}, {nr: unix.SYS_KILL}, {nr: unix.SYS_TGKILL},
		{nr: unix.SYS_UNLINK}, {nr: unix.SYS_SHMDT}, {nr: unix.SYS_CLONE}, {nr: unix.SYS_EXIT_GROUP},
		{nr: unix.SYS_RT_SIGQUEUEINFO}, {nr: unix.SYS_MSYNC}, {nr: unix.SYS_SEMOP},
	} {
		if got := harmless(tracer.Event{Number: c.nr, Args: c.args}); got != c.want {
			t.Errorf("call %d %v: %v", c.nr, c.args, got)
		}
	}
}
