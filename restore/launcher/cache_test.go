package launcher

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// home gives this process a home, a cache and a runtime directory of its own.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("XDG_RUNTIME_DIR", dir+"/run")
	return dir
}

// Where images lie follows the XDG base directories, and never a relative path.
func TestDirs(t *testing.T) {
	dir := home(t)
	tmp := fmt.Sprintf("/tmp/pyfreeze-%d/tool", os.Getuid())
	run := dir + "/run/pyfreeze/tool"
	for _, c := range []struct {
		cache, xdg, home, run string
		want                  []string
	}{
		{UserCache, "", dir, dir + "/run", []string{dir + "/.cache/pyfreeze/tool", run, tmp}},
		{UserCache, "/x", dir, dir + "/run", []string{"/x/pyfreeze/tool", run, tmp}},
		{UserCache, "x", dir, "run", []string{dir + "/.cache/pyfreeze/tool", tmp}},
		{UserCache, "", "", "", []string{tmp}},
		{"/c", "/x", dir, "", []string{"/c/tool", tmp}},
	} {
		t.Setenv("XDG_CACHE_HOME", c.xdg)
		t.Setenv("HOME", c.home)
		t.Setenv("XDG_RUNTIME_DIR", c.run)
		l := &File{Name: "tool", Cache: c.cache}
		if diff := cmp.Diff(c.want, l.dirs()); diff != "" {
			t.Errorf("%+v: %s", c, diff)
		}
	}
}

// A directory that others can look into is never used: the next one is.
func TestWritable(t *testing.T) {
	dir := home(t)
	l := &File{Name: "tool", Cache: UserCache}
	cache, run := dir+"/.cache/pyfreeze/tool", dir+"/run/pyfreeze/tool"
	use := func(want, why string) {
		t.Helper()
		if got, err := l.writable(); got != want || err != nil {
			t.Errorf("%s: %s, %v", why, got, err)
		}
	}
	use(cache, "a fresh home")
	if st, err := os.Stat(cache); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("it was made with %v, %v", st.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o710, 0o701, 0o720, 0o704, 0o777} {
		if err := os.Chmod(cache, mode); err != nil {
			t.Fatal(err)
		}
		use(run, fmt.Sprintf("a cache with mode %o", mode))
		if err := private(cache); err == nil || !strings.Contains(err.Error(), "others have access") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.Remove(cache); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(run, cache); err != nil {
		t.Fatal(err)
	}
	use(run, "a cache that is a link")
	if err := os.Remove(cache); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cache, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	use(run, "a cache that is a file")
	if err := private(cache); !errors.Is(err, syscall.ENOTDIR) {
		t.Error(err)
	}
	if os.Getuid() == 0 { // only root makes directories of others
		if err := os.Chown(run, 12345, 0); err != nil {
			t.Fatal(err)
		}
		if err := private(run); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
			t.Error(err)
		}
	}
}

// aged makes a file of so many bytes that was last used so long ago.
func aged(t *testing.T, path string, size int64, ago time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-ago)
	if err := os.Chtimes(path, when, when.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// The images that were used last stay, within bounds; the one just made stays in any case, and so
// does what is no image. What killed builders left goes.
func TestSweep(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int64 // of images, the one used last first
		keep  int64
		left  int
	}{
		"few":         {[]int64{1, 1, 1}, 1, 3},
		"many":        {[]int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 1, maxImages - 1},
		"large":       {[]int64{maxBytes / 2, maxBytes / 4, maxBytes / 2}, maxBytes / 4, 2},
		"just enough": {[]int64{maxBytes / 2, maxBytes / 2}, 0, 2},
		"a large one": {[]int64{1, 1}, 2 * maxBytes, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := []string{"counts.json", "keep" + suffix, "k.failed", "log"}
			for i, size := range c.sizes {
				image := fmt.Sprintf("%d%s", i, suffix)
				aged(t, filepath.Join(dir, image), size, time.Duration(i+1)*time.Minute)
				if i < c.left {
					want = append(want, image)
				}
			}
			keep := filepath.Join(dir, "keep"+suffix)
			aged(t, keep, c.keep, 1000*time.Hour)
			for _, other := range []string{"log", "counts.json", "k.failed", ".i.pyfreeze.tmp"} {
				aged(t, filepath.Join(dir, other), 1, 9999*time.Hour)
			}
			if err := os.MkdirAll(filepath.Join(dir, "build-1", "r"), 0o700); err != nil {
				t.Fatal(err)
			}
			sweep(dir, keep)
			var left []string
			entries, err := os.ReadDir(dir)
			for _, e := range entries {
				left = append(left, e.Name())
			}
			slices.Sort(want)
			slices.Sort(left)
			if diff := cmp.Diff(want, left); diff != "" || err != nil {
				t.Errorf("%s %v", diff, err)
			}
		})
	}
}

// One builder works at a time: another waits, or does without.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(path, false)
	if err != nil || unlock == nil {
		t.Fatal("it is not to be had", err)
	}
	if again, err := lock(path, false); again != nil || err != nil {
		t.Errorf("a second one has it, too: %v", err)
	}
	got := make(chan error)
	go func() {
		again, err := lock(path, true)
		if err == nil {
			defer again()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Errorf("it does not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
	link := filepath.Join(t.TempDir(), "lock")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if unlock, err := lock(link, true); err == nil {
		unlock()
		t.Error("a link is followed")
	}
}

// A builder waits for the command that it was started by, and not once that has gone.
func TestWaitFor(t *testing.T) {
	cmd := exec.Command("sleep", "0.2")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	WaitFor(cmd.Process.Pid)
	if waited := time.Since(start); waited < 150*time.Millisecond || waited > maxWait/2 {
		t.Errorf("it waited for %v", waited)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	start = time.Now()
	WaitFor(cmd.Process.Pid)
	if waited := time.Since(start); waited > time.Second {
		t.Errorf("it waited for %v for one that has gone", waited)
	}
}
