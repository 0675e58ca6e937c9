package launcher

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// place makes the cache of a launcher, and returns it.
func place(t *testing.T) (*File, string) {
	t.Helper()
	home(t)
	l := &File{Name: "tool", Cache: UserCache}
	dir, err := l.writable()
	if err != nil {
		t.Fatal(err)
	}
	return l, dir
}

// put writes a file.
func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// The runs are counted as they were logged, however often they are counted, whether the log was
// summed up meanwhile or not, and wherever it lies.
func TestCounts(t *testing.T) {
	l, dir := place(t)
	line := func(n int) string {
		if n%3 == 0 {
			return `{"thawed":true,"reason":""}` + "\n"
		}
		return fmt.Sprintf(`{"thawed":false,"reason":"why %d"}`, n%3) + "\n"
	}
	want := Counts{Plain: map[string]int{}}
	log := func(dir string, n int) {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(i))
			if i%3 == 0 {
				want.Thawed++
			} else {
				want.Plain[fmt.Sprintf("why %d", i%3)]++
			}
		}
		f, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(b.String() + `{"thawed":tr`); err != nil { // a full disk
			t.Fatal(err)
		}
		if _, err := f.WriteString("\n"); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	counted := func(when string) {
		t.Helper()
		for range 2 {
			got, err := l.Counts()
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %s %v", when, diff, err)
			}
		}
	}
	counted("of nothing")
	log(dir, 5)
	counted("of a few")
	run := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "pyfreeze", "tool")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	log(run, 7)
	counted("of two places")
	log(dir, maxLog/20)
	counted("of a long one")
	if st, err := os.Stat(filepath.Join(dir, "log")); err == nil && st.Size() > maxLog {
		t.Errorf("the log still has %d bytes", st.Size())
	}
	log(dir, 4)
	counted("of what came after it")
	put(t, filepath.Join(dir, "counts.json"), `{"thawed": "x`, 0o600)
	put(t, filepath.Join(dir, "log"), line(0), 0o600)
	got, err := l.Counts()
	if err != nil || got.Thawed != 1+3 { // with those of the runtime directory
		t.Errorf("damaged counts: %+v, %v", got, err)
	}
	if err := os.Chmod(run, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Counts(); err != nil || got.Thawed != 1 {
		t.Errorf("of a place that others can write to: %+v, %v", got, err)
	}
}

// Any log is read without an error, and each line counts once at most.
func FuzzReadLog(f *testing.F) {
	f.Add([]byte(`{"thawed":true}` + "\n" + `{"reason":"a"}` + "\n{}\nnull\n[]\n{\"thawed\":1}"))
	f.Add([]byte("\x00\n\n\n"))
	path := filepath.Join(f.TempDir(), "log")
	f.Fuzz(func(t *testing.T, b []byte) {
		put(t, path, string(b), 0o600)
		c := Counts{Plain: map[string]int{}}
		if err := c.readLog(path); err != nil {
			return // a line that is too long
		}
		n := c.Thawed
		for v := range maps.Values(c.Plain) {
			n += v
		}
		if lines := strings.Count(string(b), "\n") + 1; n > lines {
			t.Errorf("%d runs in %d lines", n, lines)
		}
	})
}

// Images are listed the last used first, with what stands against each; a failure stands for the
// image that there is not, and is forgotten after an hour, or with all else.
func TestImages(t *testing.T) {
	l, dir := place(t)
	aged(t, filepath.Join(dir, "old"+suffix), 3, 3*time.Hour)
	aged(t, filepath.Join(dir, "new"+suffix), 5, time.Hour)
	put(t, filepath.Join(dir, "bad.failed"), "no: such\n", 0o600)
	put(t, filepath.Join(dir, ".hidden"+suffix), "", 0o600)
	list := l.Images(func(path string) error {
		if strings.Contains(path, "old") {
			return errors.New("changed")
		}
		return nil
	})
	for i := range list {
		list[i].Path, list[i].Used = filepath.Base(list[i].Path), time.Time{}
	}
	if diff := cmp.Diff([]Image{{Path: "new.pyfreeze", Bytes: 5, Fits: true},
		{Path: "old.pyfreeze", Bytes: 3, Why: "changed"},
		{Path: "bad.pyfreeze", Failed: "no: such"}}, list); diff != "" {
		t.Error(diff)
	}
	if why := l.failure("bad", ""); why != "no: such" {
		t.Errorf("it failed for %q", why)
	}
	aged(t, filepath.Join(dir, "bad.failed"), 3, retryAfter-time.Hour+time.Minute)
	if why := l.failure("bad", "") + l.failure("new", ""); why != "" {
		t.Errorf("it still fails for %q", why)
	}
	if err := l.Forget(); err != nil || len(l.Images(nil)) > 0 {
		t.Errorf("%v, %v", l.Images(nil), err)
	}
}

// The program is what a shell would run without launchers: not the launcher itself, under whatever
// name, nor another one, nor what cannot be run.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	at := func(sub string) string {
		d := filepath.Join(dir, sub)
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
		return d
	}
	l := write(t, at("own"), File{Pyfreeze: "/p", Name: "tool", Program: "tool", Cache: UserCache})
	other := write(t, at("other"), File{Pyfreeze: "/p", Name: "tool", Program: "tool", Cache: "/c"})
	if err := os.Link(l.Path, filepath.Join(at("link"), "tool")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(l.Path, filepath.Join(at("symlink"), "tool")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(at("data"), "tool"), "#!/bin/sh\n", 0o600)
	at("dir/tool")
	put(t, filepath.Join(at("real"), "tool"), "#!/bin/sh\n", 0o700)
	put(t, filepath.Join(at("later"), "tool"), "#!/bin/sh\n", 0o700)
	path := func(subs ...string) {
		for i, s := range subs {
			subs[i] = filepath.Join(dir, s)
		}
		t.Setenv("PATH", strings.Join(subs, ":"))
	}
	path("own", "other", "link", "symlink", "data", "dir", "none", "real", "later")
	if got, err := l.program(); got != dir+"/real/tool" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := other.program(); got != dir+"/real/tool" || err != nil {
		t.Errorf("the other finds %s, %v", got, err)
	}
	path("own", "other", "link", "symlink", "data", "dir", "none")
	var none *NoProgramError
	if got, err := l.program(); !errors.As(err, &none) || none.Name != "tool" {
		t.Errorf("got %s, %v", got, err)
	}
	t.Chdir(filepath.Join(dir, "later"))
	for path, want := range map[string]string{"": "./tool", "../real": "../real/tool",
		":" + dir + "/real": "./tool"} { // in the order of PATH, as a shell does
		t.Setenv("PATH", dir+"/own:"+path)
		if got, err := l.program(); got != want || err != nil {
			t.Errorf("PATH %s: %s, %v", path, got, err)
		}
	}
	l.Program = "/absolute/anything"
	if got, err := l.program(); got != l.Program || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	found := Find([]string{dir + "/none", dir + "/own", dir + "/own", dir + "/data", dir + "/symlink",
		dir + "/other"})
	if len(found) != 2 || found[0].Path != dir+"/own/tool" || found[1].Path != other.Path {
		t.Errorf("found %v", found)
	}
}

// An image's key depends on the program and the variables that count, and on nothing else.
func TestKey(t *testing.T) {
	l := &File{Env: []string{"A", "B*"}}
	base := []string{"A=1", "B=2", "B1=3", "C=4", "AB=5"}
	key := l.key("/p", base)
	for _, same := range [][]string{{"C=4", "B1=3", "A=1", "B=2", "AB=6"}, {"A=1", "B=2", "B1=3"}} {
		if got := l.key("/p", same); got != key {
			t.Errorf("%q has another key", same)
		}
	}
	seen := map[string]string{key: ""}
	for _, env := range [][]string{{"A=2", "B=2", "B1=3"}, {"A=1", "B=2"},
		{"A=1", "B=2", "B1=3", "B2="},
		{"B=2", "B1=3"}, {"A=", "B=2", "B1=3"}, {}} {
		k := l.key("/p", env)
		if was, ok := seen[k]; ok || len(k) != 16 {
			t.Errorf("%q and %s have the key %s", env, was, k)
		}
		seen[k] = strings.Join(env, " ")
	}
	if l.key("/q", base) == key {
		t.Error("another program has the same key")
	}
}
