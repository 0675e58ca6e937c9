package freeze

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/restore/internal/copied"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// Where an image cannot be written, that is said before anything is stopped.
func TestWritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for path, want := range map[string]error{
		filepath.Join(dir, "new"): nil, file: nil, "relative": nil,
		filepath.Join(dir, "none", "new"): syscall.ENOENT,
		filepath.Join(file, "new"):        syscall.ENOTDIR,
		"/proc/new":                       errAny,
		fifo:                              errAny,
		dir:                               errAny,
	} {
		err := Writable(path)
		var write *image.WriteError
		switch {
		case want == nil && err != nil, want != nil && (!errors.As(err, &write) || write.Path != path),
			want != nil && want != errAny && !errors.Is(err, want):
			if path != "/proc/new" || os.Getuid() != 0 { // whom nothing is denied
				t.Errorf("%s: %v, want %v", path, err, want)
			}
		}
	}
}

var errAny = errors.New("any")

// An image that is damaged anywhere is refused, or tells the same of itself; it never crashes who
// reads it.
func TestDamagedMeta(t *testing.T) {
	m, im := written(t, command(t, "exit", target.Debian, "-c", "pass"), Options{Again: true})
	whole, err := os.ReadFile(im.Path())
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(m.Modules)
	if err != nil {
		t.Fatal(err)
	}
	told := strings.LastIndex(string(whole), `"modules":`)
	if told < 0 {
		t.Fatal("the image does not tell its modules")
	}
	path := filepath.Join(t.TempDir(), "damaged")
	random := rand.New(rand.NewPCG(7, 8))
	refused := 0
	for i := range 60 {
		b := []byte(string(whole))
		switch i % 3 {
		case 0:
			b[told+random.IntN(2000)] ^= 1 << random.IntN(8)
		case 1:
			b[random.IntN(8192)] ^= byte(1 + random.IntN(255))
		case 2:
			b = b[:random.IntN(len(b))]
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		im, err := image.Open(path)
		if err != nil {
			refused++
			continue
		}
		m, err := ReadMeta(im)
		_ = im.Close()
		if err != nil {
			refused++
			continue
		}
		if got, err := json.Marshal(m.Modules); err != nil || string(got) != string(want) {
			t.Errorf("damage %d is not noticed: %v", i, err)
		}
	}
	if refused < 30 {
		t.Errorf("%d of 60 are refused", refused)
	}
}

// The kernel's name of a program, and its script, are what a later start is compared with.
func TestKernelName(t *testing.T) {
	for path, want := range map[string]string{"/a/short": "short", "x": "x",
		"/a/exactly-15-char": "exactly-15-char", "/a/longer-than-15-characters": "longer-than-15-"} {
		if got := kernelName(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	dir := t.TempDir()
	exe := filepath.Join(dir, "a name of many characters")
	b, err := os.ReadFile("/bin/cat")
	if err == nil {
		err = os.WriteFile(exe, b, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command(exe, "/proc/self/comm").Output()
	if err != nil || strings.TrimSuffix(string(got), "\n") != kernelName(exe) {
		t.Errorf("the kernel says %q (%v), this %q", got, err, kernelName(exe))
	}
}

// What an interpreter reads beside itself is guarded, as far as it is there: in a virtual
// environment, and the plain one.
func TestHomeFiles(t *testing.T) {
	dir := t.TempDir()
	exe := filepath.Join(dir, "bin", "python")
	for i, name := range []string{"bin/python._pth", "bin/pyvenv.cfg", "pyvenv.cfg"} {
		if got := homeFiles(exe); len(got) != i {
			t.Errorf("before %s there are %v", name, got)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		got := homeFiles(exe)
		if len(got) != i+1 || got[i].Path != path || got[i].Size != uint64(len(name)) {
			t.Errorf("with %s: %v", name, got)
		}
	}
	if got := homeFiles(""); got != nil {
		t.Errorf("of none: %v", got)
	}
}

// Each kind of copy comes to its script in its own way.
func TestWays(t *testing.T) {
	thread := func(tid int) snapshot.Thread { return snapshot.Thread{Tid: tid} }
	for _, c := range []struct {
		kind    snapshot.Kind
		threads bool
		resume  bool
		holder  int
		want    stub.Way
	}{
		{snapshot.Forked, false, false, 0, stub.Way{Way: stub.WayFork}},
		{snapshot.Forked, true, true, 0, stub.Way{Way: stub.WayFork, Flags: stub.HeadResume}},
		{snapshot.Held, false, false, 1, stub.Way{Way: stub.WayHeld, Flags: stub.HeadChild}},
		{snapshot.Held, true, true, 1, stub.Way{Way: stub.WayHeld, Flags: stub.HeadResume, NThreads: 1}},
		{snapshot.Waiting, false, false, 2, stub.Way{Way: stub.WayEnsure, Flags: stub.HeadChild}},
		{snapshot.Waiting, true, true, 2, stub.Way{Way: stub.WayEnsure, NThreads: 1,
			Flags: stub.HeadResume | stub.HeadEarly}},
		{snapshot.Waiting, true, true, 0, stub.Way{Way: stub.WayEnsure, NThreads: 1,
			Flags: stub.HeadResume}},
	} {
		state := &snapshot.State{}
		f := &freezing{start: snapshot.Start{State: state}, copy: &snapshot.Copy{
			Kind: c.kind, GILHolder: c.holder, State: state,
			Threads: []snapshot.Thread{thread(1), thread(2)}}}
		m := &mode{possible: true, resume: c.resume, config: []byte("config"), relock: 9,
			pokes: []stub.Poke{{Addr: 1}}}
		m.use.Threads = c.threads
		got := f.way(&stub.Tables{}, m, 1)
		if got.Config == 0 || got.ConfigLen != 6 || got.Relock != 9 || got.NPokes != 1 || got.Pokes == 0 {
			t.Errorf("%+v: %+v", c, got)
		}
		got.Config, got.ConfigLen, got.Relock, got.NPokes, got.Pokes, got.Changes = 0, 0, 0, 0, 0, 0
		if got != c.want {
			t.Errorf("kind %d, threads %v: %+v, want %+v", c.kind, c.threads, got, c.want)
		}
		if m.possible = false; f.way(&stub.Tables{}, m, 1) != (stub.Way{}) {
			t.Errorf("what is not possible has a way")
		}
	}
}

// A program that -i, or its variable, keeps open for commands cannot run again.
func TestWayOfStart(t *testing.T) {
	f := until(t, copied.Of(t, waiting(t, "").PID()), Options{}, "looking for what cannot be cloned")
	if f.config("inspect") != 0 || f.config("buffered_stdio") != 1 || f.config("none") != 0 {
		t.Error("its configuration is read wrong")
	}
	plain := f.start.Environ
	for env, refused := range map[string]bool{"": false, "PYTHONINSPECT=": false,
		"PYTHONINSPECT=1": true, "PYTHONINSPECTOR=1": false} {
		f.start.Environ = append(plain[:len(plain):len(plain)], env)
		if got := f.wayOfStart(); (len(got) == 1) != refused {
			t.Errorf("with %q it is refused for %v", env, got)
		}
	}
	f.start.Environ = plain
	f.cmd.Interp = []string{"python3", "-Bi"}
	if got := f.wayOfStart(); len(got) != 1 || got[0].Kind != "" ||
		got[0].Remedy != "start it without -i and PYTHONINSPECT" {
		t.Errorf("with -i it is refused for %v", got)
	}
}
