package launcher

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of the images of one program: environments that come and go leave images behind.
const (
	maxImages = 8
	maxBytes  = 1 << 30
)

type cached struct {
	path string
	size int64
	used time.Time // or made; the kernel notes reads once a day
}

// images lists those in a directory, the last used first. One that has several names is one.
func images(dir string) []cached {
	var out []cached
	seen := map[uint64]bool{}
	entries, _ := os.ReadDir(dir) // not there: none
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		var st unix.Stat_t
		path := filepath.Join(dir, e.Name())
		if unix.Lstat(path, &st) != nil || seen[st.Ino] {
			continue
		}
		seen[st.Ino] = true
		used := max(st.Atim.Nano(), st.Mtim.Nano())
		out = append(out, cached{path, st.Size, time.Unix(0, used)})
	}
	slices.SortFunc(out, func(a, b cached) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.path, b.path)) })
	return out
}

// sweep removes what builders that were killed left behind, and the images longest not used. keep is the one just made, or
// about to be. The caller has the lock.
func sweep(dir, keep string) {
	entries, _ := os.ReadDir(dir) // not there: nothing to do
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, "build-") || strings.HasPrefix(name, ".") && e.Type()&fs.ModeType == 0 {
			_ = os.RemoveAll(filepath.Join(dir, name)) // or the next time
		}
	}
	n, total := 1, int64(0)
	if st, err := os.Stat(keep); err == nil {
		total = st.Size()
	}
	for _, im := range images(dir) {
		if im.path == keep {
			continue
		}
		n++
		total += im.size
		if n > maxImages || total > maxBytes {
			_ = os.Remove(im.path) // or the next time
		}
	}
}
