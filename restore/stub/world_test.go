package stub_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/parity"
)

// agree compares the two sides about one world. The launcher's reason must name what has changed.
func agree(t *testing.T, d *parity.Driver, g *guard.Guards, env []string, fits bool, names string) {
	t.Helper()
	err, c := g.Check(env), judge(d, g.Encode(), "", nil, env)
	if (err == nil) != fits {
		t.Errorf("Go says %v, want fits=%t; environment %q", err, fits, env)
	}
	if (c.State == "fits") != fits || !strings.Contains(c.Why, names) {
		t.Errorf("C says %+v, want fits=%t and %q; environment %q", c, fits, names, env)
	}
	if !fits && err != nil && !strings.Contains(err.Error(), names) {
		t.Errorf("Go says %q, which does not name %q", err, names)
	}
}

// TestEnvironmentsFit tries the environments of random starts with images of random others.
func TestEnvironmentsFit(t *testing.T) {
	d := parity.Start(t)
	fitting := 0
	for n := range uint64(1500) {
		r := seeded(n)
		list := several(r, 2, "A", "AB*", "PYTHONPATH")
		world := func() (env []string) {
			// Each variable once at most: what is set twice is below.
			for _, name := range []string{"A", "AB", "ABC", "PYTHONX", "PYTHONPATH", "LD_AUDIT", "LANG"} {
				if r.IntN(3) > 0 {
					env = append(env, name+"="+pick(r, "C", "C", "C", "", "2"))
				}
			}
			r.Shuffle(len(env), func(i, j int) { env[i], env[j] = env[j], env[i] })
			return env
		}
		frozen, now := world(), world()
		if n%3 == 0 {
			now = frozen // else few would fit
		}
		g := &guard.Guards{
			Exe: "/x", Argv0: []string{"x"}, CPU: guard.CPU(), UTF8Mode: guard.UTF8Mode(frozen),
			Names: list, Env: guard.Variables(frozen, list),
		}
		fits := g.Check(now) == nil
		if fits {
			fitting++
		}
		agree(t, d, g, now, fits, "")
	}
	if fitting < 500 || fitting > 1400 {
		t.Errorf("%d of 1500 worlds fit: the test tries one kind only", fitting)
	}
}

// TestReasons looks at each thing that can differ alone.
func TestReasons(t *testing.T) {
	d := parity.Start(t)
	fresh := func() *guard.Guards {
		return &guard.Guards{
			Exe: "/x", Argv0: []string{"x"}, CPU: guard.CPU(), Names: []string{"A"},
			Env: map[string]string{"A": "1=2", "LD_AUDIT": "a.so"},
		}
	}
	env := func(more ...string) []string { return append([]string{"LANG=de_DE.UTF-8"}, more...) }
	agree(t, d, fresh(), env("A=1=2", "LD_AUDIT=a.so"), true, "")
	agree(t, d, fresh(), env("LD_AUDIT=a.so", "A=1=2", "PYTHONX=", "PYTHONPATH=/"), true, "")
	agree(t, d, fresh(), env("A=1", "LD_AUDIT=a.so"), false, `A was "1=2"`)
	agree(t, d, fresh(), env("A=1=2"), false, `LD_AUDIT was "a.so"`)
	agree(t, d, fresh(), env("A=1=2", "LD_AUDIT=a.so", "PYTHONX=1"), false, "PYTHONX was not set")
	agree(t, d, fresh(), env("A=1=2", "LD_AUDIT=a.so", "LC_ALL=C"), false, "UTF-8 mode")
	agree(t, d, fresh(), env("A=1=2", "LD_AUDIT=a.so", "A=3"), false, "")
	for i := range 3 {
		for _, bit := range []int{0, 31, 63} {
			g := fresh()
			g.CPU[i] ^= 1 << bit
			agree(t, d, g, env("A=1=2", "LD_AUDIT=a.so"), false, "another processor")
		}
	}
}

// TestFilesFit changes files that guards name, each in every way, the others being as they were.
func TestFilesFit(t *testing.T) {
	d, dir := parity.Start(t), t.TempDir()
	path := filepath.Join(dir, "m.py")
	write := func(text string, age time.Duration) guard.ID {
		t.Helper()
		when := time.Unix(1_700_000_000, 123456789).Add(-age)
		err := os.WriteFile(path, []byte(text), 0o600)
		if err == nil {
			err = os.Chtimes(path, when, when)
		}
		id, err2 := guard.Stat(path)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		return id
	}
	same, err := guard.Stat("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	g := &guard.Guards{Exe: "/x", Argv0: []string{"x"}, CPU: guard.CPU(), UTF8Mode: true}
	sh := guard.Source("/bin/sh", same)
	for at := range 4 { // first, among or behind others
		g.Files = []guard.File{sh, sh, sh, sh}
		g.Files[at] = guard.Source(path, write("one", 0))
		agree(t, d, g, nil, true, "")
		write("two", time.Nanosecond)
		agree(t, d, g, nil, false, path)
		write("two", time.Second)
		agree(t, d, g, nil, false, path)
		write("three", 0)
		agree(t, d, g, nil, false, path)
		write("two", 0) // of the same size, and with its time set back
		agree(t, d, g, nil, false, path)
		write("one", 0) // as it was, like a copy
		agree(t, d, g, nil, true, "")
		if err := os.Rename(path, path+"~"); err != nil {
			t.Fatal(err)
		}
		write("one", 0) // another file of the same content
		agree(t, d, g, nil, true, "")
		g.Files[at].Sum = 0 // of which nothing was known but that
		agree(t, d, g, nil, false, path)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		agree(t, d, g, nil, false, path)
	}
}

// TestLibrariesFit shows which libraries the launcher compares: the interpreter and its loader, by
// their inodes, too. The stub compares the others when it opens them.
func TestLibrariesFit(t *testing.T) {
	d := parity.Start(t)
	id, err := guard.Stat("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	g := &guard.Guards{Exe: "/x", Argv0: []string{"x"}, CPU: guard.CPU(), UTF8Mode: true}
	good := guard.File{Path: "/bin/sh", Size: id.Size, MtimeNs: id.MtimeNs, Ino: id.Ino, BuildID: "ab"}
	for _, spoil := range []func(f *guard.File){
		func(f *guard.File) { f.Ino++ }, func(f *guard.File) { f.Size++ },
		func(f *guard.File) { f.MtimeNs++ },
		func(f *guard.File) { f.Path = "/bin/sh/none" },
	} {
		bad := good
		spoil(&bad)
		for at := range 3 {
			g.Files = []guard.File{good, good, good}
			g.Files[at] = bad
			want := "unfit"
			if at == 2 {
				want = "fits"
			}
			if c := judge(d, g.Encode(), "", nil, nil); c.State != want {
				t.Errorf("%+v as file %d: C says %+v, want %s", bad, at, c, want)
			}
			if g.Check(nil) == nil {
				t.Errorf("%+v as file %d: Go says that it fits", bad, at)
			}
		}
	}
}
