package stub_test

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"pyfreeze/restore/stub"
)

// text is a file to be opened again.
func text(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDescriptorsAreMadeAgain makes one of each kind, and looks at them from outside.
func TestDescriptorsAreMadeAgain(t *testing.T) {
	path, tables := text(t), &stub.Tables{}
	file := tables.Str(path)
	compared := stub.Encode(tables, []stub.File{{Path: file}})
	bytes := func(s string) uint32 { return tables.Bytes([]byte(s)) }
	m := made(t, compile(t), -1, nil, tables,
		stub.FD{FD: 5, Kind: stub.FDFile, Flags: unix.O_RDONLY | unix.O_CLOEXEC, Offset: 7, Path: file},
		stub.FD{FD: 3, Kind: stub.FDFile, Flags: unix.O_RDWR | unix.O_APPEND, File: compared},
		stub.FD{FD: 4, Other: 9, Kind: stub.FDPipe, Flags: unix.O_NONBLOCK, Offset: 4,
			Path: bytes("pipe"), File: unix.O_CLOEXEC},
		stub.FD{FD: 11, Other: 10, Kind: stub.FDSockets, Flags: unix.O_CLOEXEC, Offset: 5,
			Path:   bytes("first"),
			NHolds: 6, Holds: bytes("second"), File: unix.O_NONBLOCK},
		stub.FD{FD: 12, Kind: stub.FDEvent, Flags: unix.O_NONBLOCK, Offset: 42},
		stub.FD{FD: 20, Kind: stub.FDEpoll, Flags: unix.O_CLOEXEC},
		stub.FD{FD: 20, Other: 4, Kind: stub.FDEpollAdd, Flags: unix.EPOLLIN, Offset: 1 << 40},
		stub.FD{FD: 30, Kind: stub.FDNull},
	)
	if want := "log -1 held 0 0 0 0 made 8 5 0 3 0 4 9 11 10 12 0 20 0 20 4 30 0"; m.said != want {
		t.Fatalf("the process said %q, want %q", m.said, want)
	}
	links := map[int]string{
		5: path, 3: path, 4: "pipe", 9: "pipe", 11: "socket", 10: "socket", 12: "anon_inode:[eventfd]",
		20: "anon_inode:[eventpoll]", 30: "/dev/null",
	}
	if diff := cmp.Diff(links, m.links()); diff != "" {
		t.Error(diff)
	}
	for fd, want := range map[int]int{
		5: unix.O_RDONLY | unix.O_CLOEXEC, 3: unix.O_RDWR | unix.O_APPEND,
		4: unix.O_RDONLY | unix.O_NONBLOCK,
		9: unix.O_WRONLY | unix.O_CLOEXEC, 11: unix.O_RDWR | unix.O_CLOEXEC,
		10: unix.O_RDWR | unix.O_NONBLOCK,
		12: unix.O_RDWR | unix.O_NONBLOCK, 20: unix.O_RDWR | unix.O_CLOEXEC,
	} {
		flags, err := strconv.ParseInt(m.info(fd, "flags"), 8, 64)
		if large := 0o100000; err != nil || int(flags)&^large != want { // O_LARGEFILE
			t.Errorf("descriptor %d has the flags %#o, want %#o", fd, flags, want)
		}
	}
	if pos := m.info(5, "pos"); pos != "7" || m.waits(5) != "789" {
		t.Errorf("the file is read on at %s", pos)
	}
	if tfd := m.info(20, "tfd"); !strings.HasPrefix(tfd, "4 ") ||
		!strings.Contains(tfd, "data:      10000000000") {
		t.Errorf("the epoll watches %q", tfd)
	}
	for fd, want := range map[int]string{
		4: "pipe", 11: "first", 10: "second", 12: "\x2a\x00\x00\x00\x00\x00\x00\x00",
	} {
		if got := m.waits(fd); got != want {
			t.Errorf("at descriptor %d there waits %q, want %q", fd, got, want)
		}
	}
	// A thaw that is given up leaves the plain command none of them.
	if _, err := m.in.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if said := m.line(); said != "forgotten" || len(m.links()) != 0 {
		t.Errorf("%s: %v stays open", said, m.links())
	}
}

// TestNumbersInUse has the caller's descriptors where the image has its own: where all places that
// keep a number are known it gets another, else the thaw is given up, and the caller's stays as it
// was.
func TestNumbersInUse(t *testing.T) {
	path, bin := text(t), compile(t)
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	callers := []*os.File{null, null} // numbers 3 and 4
	for name, c := range map[string]struct {
		fd    stub.FD
		said  string
		links map[int]string
	}{
		"known": {
			stub.FD{FD: 3, Kind: stub.FDFile, NHolds: 2}, "log -1 held 0 6 0 6 made 1 6 0",
			map[int]string{6: path},
		},
		"unknown": {
			stub.FD{FD: 3, Kind: stub.FDFile},
			"plain the number of a descriptor that the image has is in use 3", nil,
		},
		"free": {stub.FD{FD: 7, Kind: stub.FDFile, NHolds: 2}, "log -1 held 0 0 0 0 made 1 7 0",
			map[int]string{7: path}},
		"passed on": {stub.FD{FD: 4, Kind: stub.FDNull}, "log -1 held 0 0 0 0 made 1 -1 0", nil},
		"a pipe": {
			stub.FD{FD: 8, Other: 4, Kind: stub.FDPipe},
			"plain the number of a descriptor that the image has is in use 4", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tables := &stub.Tables{}
			if c.fd.Kind == stub.FDFile {
				c.fd.Path = tables.Str(path)
			}
			if c.fd.NHolds > 0 {
				c.fd.Holds = tables.Words([]uint64{held + 4, held + 12})
			}
			m := made(t, bin, -1, callers, tables, c.fd)
			want := map[int]string{3: "/dev/null", 4: "/dev/null"}
			maps.Copy(want, c.links)
			if diff := cmp.Diff(want, m.links()); diff != "" || m.said != c.said {
				t.Errorf("it said %q, want %q; %s", m.said, c.said, diff)
			}
		})
	}
}

// TestOursGiveWay has the log of runs where the program has a file: it moves, and stays the log.
func TestOursGiveWay(t *testing.T) {
	path, log := text(t), text(t)
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tables := &stub.Tables{}
	m := made(t, compile(t), 3, []*os.File{f}, tables,
		stub.FD{FD: 3, Kind: stub.FDFile, Path: tables.Str(path)})
	if want := "log 512 held 0 0 0 0 made 1 3 0"; m.said != want {
		t.Errorf("it said %q, want %q", m.said, want)
	}
	if diff := cmp.Diff(map[int]string{3: path, 512: log}, m.links()); diff != "" {
		t.Error(diff)
	}
}

// TestFilesThatAreGone gives up, and leaves none open of those that were made before.
func TestFilesThatAreGone(t *testing.T) {
	tables := &stub.Tables{}
	m := made(t, compile(t), -1, nil, tables, stub.FD{FD: 6, Kind: stub.FDEvent},
		stub.FD{FD: 7, Kind: stub.FDFile, Path: tables.Str("/none/at/all")})
	if want := "plain cannot open again /none/at/all -2"; m.said != want ||
		len(m.links()) != 0 {
		t.Errorf("it said %q, want %q; %v is open", m.said, want, m.links())
	}
}
