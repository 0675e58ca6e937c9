package launcher

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pyfreeze/restore/internal/parity"
)

// installed writes a launcher, and gives it as it is read.
func installed(t *testing.T, dir string, l File) *File {
	t.Helper()
	l.Pyfreeze = "/p"
	text, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	out, err := Read(putText(t, dir, l.Name, string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// makeDir makes a directory with its parents, that of its own with a mode.
func makeDir(t *testing.T, mode os.FileMode, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPrograms compares what a launcher starts with what an image is made of, for what can stand in
// the directories of PATH.
func TestPrograms(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	d := parity.Start(t)
	script := "#!/bin/sh\n"
	self := installed(t, makeDir(t, 0o755, base, "self"),
		File{Name: "prog", Program: "prog", Cache: UserCache})
	text, err := self.Text()
	if err != nil {
		t.Fatal(err)
	}
	place := func(dir, text string) string {
		return putText(t, makeDir(t, 0o755, base, dir), "prog", text)
	}
	place("good", script)
	place("more", script)
	// Another launcher, which would start this one; that of a pyfreeze to come; one that was
	// spoilt; and a program that only speaks of launchers.
	place("other", string(text))
	place("newer", script+marker+"0\n# x\n")
	place("edited", script+marker+"\n# x\n")
	place("long", script+strings.Repeat("#\n", 300)+marker+"\n")
	makeDir(t, 0o755, base, "dir", "prog")
	if err := os.Chmod(place("unfit", script), 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, to := range map[string]string{"link": "self", "linked": "good", "dangling": "none"} {
		if err := os.Symlink(filepath.Join(base, to, "prog"),
			filepath.Join(makeDir(t, 0o755, base, dir), "prog")); err != nil {
			t.Fatal(err)
		}
	}
	all := []string{"self", "good", "more", "other", "newer", "edited", "long", "dir", "unfit", "link",
		"linked",
		"dangling", "none"}
	found := 0
	for n := range 1500 {
		r := seeded(n)
		var path []string
		for range r.IntN(4) {
			dir := pick(r, all...)
			if r.IntN(4) > 0 {
				dir = base + "/" + dir + pick(r, "", "/")
			}
			if r.IntN(8) == 0 {
				dir = "" // where we stand
			}
			path = append(path, dir)
		}
		if n%50 == 0 { // where we stand: now a program, now another launcher
			putText(t, base, "prog", []string{script, string(text)}[n/50%2])
		}
		env := []string{"PATH=" + strings.Join(path, ":")}
		t.Setenv("PATH", strings.Join(path, ":"))
		if n%100 == 0 {
			env = nil
			os.Unsetenv("PATH")
		}
		want, err := self.program()
		if err == nil {
			found++
		}
		if got := d.Says("program", append([]string{self.Path}, env...)...); got != want {
			t.Errorf("%q: C starts %q, Go %q (%v)", env, got, want, err)
		}
	}
	if found < 300 || found > 1300 {
		t.Errorf("%d of 1500 have a program: the test tries one kind only", found)
	}
}

// TestPlaces compares where the two look for images, and which they take: for caches of all kinds,
// and directories that are not ours alone.
func TestPlaces(t *testing.T) {
	d, base := parity.Start(t), t.TempDir()
	name := fmt.Sprintf("test-%d", os.Getpid()) // in /tmp/pyfreeze-UID, too, where it has nothing
	modes := []os.FileMode{0o700, 0o700, 0o700, 0o500, 0o750, 0o701, 0o1777}
	hits := 0
	for n := range 600 {
		r, root := seeded(n), filepath.Join(base, fmt.Sprint(n))
		cache := pick(r, UserCache, UserCache, root+"/cache")
		l := installed(t, makeDir(t, 0o755, root), File{
			Name: name, Program: "/bin/sh", Cache: cache, Env: []string{"LANG", "LC_*"},
		})
		env := []string{
			"XDG_CACHE_HOME=" + pick(r, "", "relative", root+"/xdg", root+"//xdg/"),
			"HOME=" + pick(r, "", ".", root+"/home"), "XDG_RUNTIME_DIR=" + pick(r, "", "run", root+"/run"),
			"LANG=" + pick(r, "", "C"), "LC_ALL=" + pick(r, "C", "de"), "LC_X=",
		}
		for _, e := range env {
			k, v, _ := strings.Cut(e, "=")
			t.Setenv(k, v)
		}
		key, want := l.key("/bin/sh", env), ""
		for _, dir := range l.dirs() {
			if !strings.HasPrefix(dir, base) {
				continue
			}
			if r.IntN(2) == 0 {
				makeDir(t, modes[r.IntN(len(modes))], dir)
			} else if r.IntN(2) == 0 { // a link to what is fine itself
				to := makeDir(t, 0o700, root, "real")
				if err := os.Symlink(to, makeDir(t, 0o700, filepath.Dir(dir))+"/"+name); err != nil {
					t.Fatal(err)
				}
			}
			if r.IntN(2) == 0 && private(filepath.Dir(dir)) == nil {
				_ = os.WriteFile(filepath.Join(dir, key+suffix), nil, 0o600) // or there is no directory
			}
			if _, err := os.Stat(filepath.Join(dir, key+suffix)); err == nil && private(dir) == nil &&
				want == "" {
				want = filepath.Join(dir, key+suffix)
				hits++
			}
		}
		a := d.Ask("find", append([]string{l.Path}, env...)...)
		if a[0] != key {
			t.Errorf("%q: C has the key %s, Go %s", env, a[0], key)
		}
		if found := a[3] == "1"; found != (want != "") || found && filepath.Clean(a[1]) != want {
			t.Errorf("%q, cache %s: C takes %q (%s), Go %q", env, cache, a[1], a[3], want)
		}
		if last := fmt.Sprintf("/tmp/pyfreeze-%d/%s", os.Getuid(), name); want == "" && a[1] != last {
			t.Errorf("C looked last for %s", a[1])
		}
		if want != "" && filepath.Clean(a[2]) != filepath.Join(filepath.Dir(want), "log") {
			t.Errorf("the log of %s is %s", want, a[2])
		}
	}
	if hits < 50 || hits > 500 {
		t.Errorf("%d of 600 have an image: the test tries one kind only", hits)
	}
}

// TestKeys shows what makes another image: the program, and each variable that counts, whatever
// order.
func TestKeys(t *testing.T) {
	l := &File{Env: []string{"LANG", "LC_*"}}
	key := l.key("/bin/a", []string{"LANG=C", "LC_ALL=C", "X=1"})
	if other := l.key("/bin/a", []string{"X=2", "LC_ALL=C", "LANG=C"}); other != key {
		t.Errorf("what does not count makes %s of %s", other, key)
	}
	seen := map[string]bool{key: true}
	for _, other := range []string{
		l.key("/bin/b", []string{"LANG=C", "LC_ALL=C"}), l.key("/bin/a", []string{"LANG=D", "LC_ALL=C"}),
		l.key("/bin/a", []string{"LANG=C"}), l.key("/bin/a", []string{"LANG=C", "LC_ALL=C", "LC_X="}),
	} {
		if seen[other] || len(other) != 16 {
			t.Errorf("the key %s is not one of its own", other)
		}
		seen[other] = true
	}
}

// TestFailures compares for how long an image that could not be made is not tried again.
func TestFailures(t *testing.T) {
	d, base := parity.Start(t), t.TempDir()
	l := installed(t, base, File{Name: "app", Program: "/bin/sh", Cache: base + "/cache"})
	dir, key := makeDir(t, 0o700, base, "cache", "app"), l.key("/bin/sh", nil)
	failed := putText(t, dir, key+".failed", "why\n")
	for age, want := range map[time.Duration]bool{
		0: true, time.Minute: true, retryAfter - time.Minute: true, retryAfter + time.Minute: false,
		24 * time.Hour: false, -time.Hour: false, // a clock that was set back
	} {
		when := time.Now().Add(-age)
		if err := os.Chtimes(failed, when, when); err != nil {
			t.Fatal(err)
		}
		if why := l.failure(key, ""); (why != "") != want || want && why != "why" {
			t.Errorf("after %v Go says %q", age, why)
		}
		if a := d.Ask("find", l.Path); (a[4] == "1") != want {
			t.Errorf("after %v C says %s", age, a[4])
		}
	}
	if err := os.Chtimes(failed, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	// A program that has changed since is tried at once.
	own := putText(t, base, "own", "#!/bin/sh\n")
	if err := os.Chmod(own, 0o755); err != nil {
		t.Fatal(err)
	}
	of := installed(t, base, File{Name: "app", Program: own, Cache: base + "/cache"})
	ownKey := of.key(own, nil)
	ownFailed := putText(t, dir, ownKey+".failed", "why\n")
	for before, want := range map[time.Duration]bool{0: true, 10 * time.Second: false} {
		when := time.Now().Add(time.Second - before)
		if before == 0 {
			when = time.Now()
		}
		if err := os.Chtimes(ownFailed, when, when); err != nil {
			t.Fatal(err)
		}
		a, why := d.Ask("find", of.Path), of.failure(ownKey, own)
		if (a[4] == "1") != want || (why != "") != want {
			t.Errorf("a program that changed %v after: C says %s, Go %q", before, a[4], why)
		}
	}
	if other := l.failure(l.key("/bin/other", nil), ""); other != "" {
		t.Errorf("another image failed, too: %s", other)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if a := d.Ask("find", l.Path); a[4] != "0" || l.failure(key, "") != "" {
		t.Errorf("what others may have written counts: %q, %q", a, l.failure(key, ""))
	}
}
