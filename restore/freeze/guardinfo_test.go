package freeze

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/prefix"
	"pyfreeze/restore/snapshot"
)

// Every kind of guard has a word for people, each its own, and tells who read it: a kind that is
// new and has none would be an empty line of info --guards.
func TestGuardInfoHasWords(t *testing.T) {
	r := prefix.NewReads()
	f := &freezing{guards: &guard.Guards{Names: []string{"TERM"}}}
	f.o.Reads = r
	r.By("TERM", "a.py:1")
	for kind := guard.Cwd; kind <= guard.Scheduling; kind++ {
		r.By(factKinds[kind], fmt.Sprintf("fact.py:%d", kind))
		f.guards.Facts = append(f.guards.Facts, guard.Read{Kind: kind, A: 2, Text: "told"})
	}
	for kind := guard.Absent; kind <= guard.Access; kind++ {
		path := fmt.Sprintf("/read/%d", kind)
		r.By(path, path+".py:3")
		f.guards.Reads = append(f.guards.Reads, guard.Read{Kind: kind, Text: path})
	}
	r.By("/lib/a.so", "b.py:7")
	f.guards.Files = []guard.File{{Path: "/lib/a.so", BuildID: "77"}, {Path: "/lib/a.py"}}

	info := f.guardInfo()
	want := 1 + int(guard.Scheduling) + int(guard.Access) + 2
	if len(info) != want {
		t.Fatalf("%d lines for %d guards", len(info), want)
	}
	seen := map[string]bool{}
	for _, g := range info {
		if g.What == "" || g.Name == "" {
			t.Errorf("a guard without a word: %+v", g)
		}
		if seen[g.What] {
			t.Errorf("two kinds are both called %q", g.What)
		}
		seen[g.What] = true
		if g.Who == "" && g.Name != "/lib/a.py" {
			t.Errorf("nobody read %+v", g)
		}
	}
	for _, g := range []GuardInfo{
		{"variable", "TERM", "a.py:1"}, {"library", "/lib/a.so", "b.py:7"}, {"file", "/lib/a.py", ""},
		{prefix.AskedTTY, "of descriptor 2", fmt.Sprintf("fact.py:%d", guard.Terminal)},
		{prefix.AskedLimit, "of resource 2", fmt.Sprintf("fact.py:%d", guard.Limit)},
	} {
		if !slices.Contains(info, g) {
			t.Errorf("%+v is not among %+v", g, info)
		}
	}
}

// A working directory matters where the program has read something in it: not where it has only
// looked at the directory itself, and not for a directory whose name begins the same.
func TestReadsBelow(t *testing.T) {
	for _, c := range []struct {
		cwd, file, link string
		how             prefix.How
		want            bool
	}{
		{cwd: "/w", file: "/w/setup.cfg", how: prefix.Looked, want: true},
		{cwd: "/w", file: "/w", how: prefix.Looked},
		{cwd: "/w", file: "/w", how: prefix.Looked | prefix.Opened, want: true},
		{cwd: "/w", file: "/work/setup.cfg", how: prefix.Opened},
		{cwd: "/w", link: "/w/here", want: true},
		{cwd: "/w", link: "/x/here"},
		{cwd: "/", file: "/etc/hosts", how: prefix.Opened, want: true},
		{cwd: "/w"},
	} {
		f := &freezing{start: snapshot.Start{Cwd: c.cwd}}
		f.o.Reads = prefix.NewReads()
		if c.file != "" {
			f.o.Reads.Files[c.file] = c.how
		}
		if c.link != "" {
			f.o.Reads.Links[c.link] = true
		}
		if got := f.readsBelow(); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

// A program that the target names is run only where nobody else could have written it.
func TestTrusted(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[os.FileMode]bool{0o755: true, 0o700: true, 0o775: false, 0o757: false} {
		path := filepath.Join(dir, fmt.Sprintf("python%o", mode))
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
		if got := trusted(path); got != want {
			t.Errorf("with mode %o: %t", mode, got)
		}
		link := path + ".link"
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if got := trusted(link); got != want || !sameFile(link, path) {
			t.Errorf("by a link, with mode %o: %t", mode, got)
		}
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(other, 12345, -1); err != nil {
			t.Fatal(err)
		}
		if trusted(other) {
			t.Error("a file of another user is trusted")
		}
	}
	if trusted(dir) || trusted(filepath.Join(dir, "none")) || sameFile(other, filepath.Join(dir, "none")) ||
		sameFile(other, filepath.Join(dir, "python755")) {
		t.Error("a directory, or nothing, or another file passes")
	}
}
