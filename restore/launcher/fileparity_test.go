package launcher

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pyfreeze/restore/internal/parity"
)

// seeded gives the same numbers at every run.
func seeded(n int) *rand.Rand { return rand.New(rand.NewPCG(uint64(n), 1)) }

func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// random is a launcher with odd values, all of which a file can hold.
func random(r *rand.Rand) *File {
	some := func(words ...string) (out []string) {
		for range r.IntN(4) {
			out = append(out, pick(r, words...))
		}
		return out
	}
	return &File{
		Pyfreeze: pick(r, "/usr/bin/pyfreeze", "/ä"),
		Name:     pick(r, "hg", "a: b", "#", "ä '\"\\"),
		Program:  pick(r, "hg", "/usr/bin/hg", "/a b: c", "# name: x", "'\"\\"),
		Cache:    pick(r, UserCache, "/var/cache", "/a: b"),
		Env:      some("LANG", "LC_*", "*", "A"),
		Warm:     some("log -r 'a: b'", "# program: x", ""),
		WarmEnv:  some("A=", "A=# env: x"),
		Recipe:   pick(r, "", "/a recipe.py"),
		Sets:     some(".hg/hgrc", "extensions", "--config"),
		At:       pick(r, "", "mod:fn"),
	}
}

// putText writes a file that can be executed, and returns its path.
func putText(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// readBoth reads a launcher with both sides, which must agree. It returns nil for none.
func readBoth(t *testing.T, d *parity.Driver, path string) *File {
	t.Helper()
	l, err := Read(path)
	a := d.Ask("launcher", path)
	if (a[0] == "1") != (err == nil) {
		b, _ := os.ReadFile(path) // for the message alone
		t.Errorf("C reads %q, Go %+v (%v) of %.300q", a, l, err, b)
	}
	if err != nil || a[0] != "1" {
		return nil
	}
	want := []string{"1", l.Name, l.Program, l.Cache}
	if diff := cmp.Diff(want, a[:4]); diff != "" || !slices.Equal(strings.Fields(a[4]), l.Env) {
		t.Errorf("C reads other values: %s; variables %q and %q", diff, a[4], l.Env)
	}
	return l
}

// TestFilesAreReadAsTheyAreWritten shows that no value breaks out of its line.
func TestFilesAreReadAsTheyAreWritten(t *testing.T) {
	d, dir := parity.Start(t), t.TempDir()
	for n := range 500 {
		want := random(seeded(n))
		text, err := want.Text()
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		want.Path = putText(t, dir, "launcher", string(text))
		if diff := cmp.Diff(want, readBoth(t, d, want.Path), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// TestFilesWithFaults spoils each value in turn: Text writes none that would not be read back.
func TestFilesWithFaults(t *testing.T) {
	for what, spoil := range map[string]func(*File){
		"a name with a slash":  func(l *File) { l.Name = "a/b" },
		"no name":              func(l *File) { l.Name = "" },
		"the name of a folder": func(l *File) { l.Name = ".." },
		"a name of two lines":  func(l *File) { l.Name = "a\n# name: b" },
		"no program":           func(l *File) { l.Program = "" },
		"a relative program":   func(l *File) { l.Program = "bin/hg" },
		"a program of 2 lines": func(l *File) { l.Program = "/a\nb" },
		"a NUL":                func(l *File) { l.Program = "/a\x00b" },
		"a relative cache":     func(l *File) { l.Cache = "cache" },
		"a variable of 2":      func(l *File) { l.Env = []string{"A\n# cache: /"} },
		"a warm-up of 2":       func(l *File) { l.Warm = []string{"a", "b\nc"} },
		"a warm-env of 2":      func(l *File) { l.WarmEnv = []string{"A=\n"} },
		"a recipe of 2":        func(l *File) { l.Recipe = "/a\nb" },
		"a point of 2":         func(l *File) { l.At = "a:b\n" },
		"pyfreeze with blanks": func(l *File) { l.Pyfreeze = "/a b" },
		"a relative pyfreeze":  func(l *File) { l.Pyfreeze = "pyfreeze" },
		"a long pyfreeze":      func(l *File) { l.Pyfreeze = "/" + strings.Repeat("x", 200) },
		"too many words":       func(l *File) { l.Warm = []string{strings.Repeat("x", 8000)} },
	} {
		l := &File{Pyfreeze: "/p", Name: "n", Program: "p", Cache: UserCache}
		if _, err := l.Text(); err != nil {
			t.Fatalf("a plain launcher: %v", err)
		}
		if spoil(l); true {
			if text, err := l.Text(); err == nil {
				t.Errorf("%s is written: %s", what, text)
			}
		}
	}
}

// TestLongestFile finds the longest launcher that Text writes: both sides must read it.
func TestLongestFile(t *testing.T) {
	d, dir := parity.Start(t), t.TempDir()
	l := &File{Pyfreeze: "/p", Name: "n", Program: "p", Cache: UserCache}
	written := 0
	for n := 7000; n < 8000; n++ {
		l.Warm = []string{strings.Repeat("x", n)}
		text, err := l.Text()
		if err != nil {
			break
		}
		written = len(text)
		if written > maxFile-3 && readBoth(t, d, putText(t, dir, "launcher", string(text))) == nil {
			t.Errorf("a launcher of %d bytes is not read", written)
		}
	}
	if written < maxFile-1 {
		t.Errorf("the longest launcher has %d bytes", written)
	}
}

// TestFilesEdited takes lines out, doubles them and cuts the file, as an editor might.
func TestFilesEdited(t *testing.T) {
	d, dir := parity.Start(t), t.TempDir()
	read := 0
	for n := range 1500 {
		r := seeded(n)
		text, err := random(r).Text()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		i, j := r.IntN(8), r.IntN(8)
		switch n % 4 {
		case 0:
			lines = slices.Delete(lines, i, i+1)
		case 1:
			lines[i], lines[j] = lines[j], lines[i]
		case 2:
			lines = slices.Insert(lines, i, "# name: other\n", "# program: /other\n", "# env: A\n")
		case 3:
			lines = []string{string(text[:r.IntN(len(text))])}
		}
		if readBoth(t, d, putText(t, dir, "launcher", strings.Join(lines, ""))) != nil {
			read++
		}
	}
	if read < 300 || read > 1300 {
		t.Errorf("%d of 1500 are read: the test tries one kind only", read)
	}
}

// FuzzReadParity reads what a fuzzer makes up. Go looks at what the values are, too; else the two
// agree.
func FuzzReadParity(f *testing.F) {
	text, err := random(seeded(1)).Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(append(text, 0))
	f.Add([]byte(marker + "\n# name: \n# program: /\n# cache: user\n# env: "))
	f.Add([]byte{})
	d, dir := parity.Start(f), f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := putText(t, dir, "fuzz", string(b))
		if _, err := Read(path); err == nil {
			readBoth(t, d.For(t), path)
		}
	})
}
