package symbols

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// maxCache bounds a cache file; the largest interpreters take 5 MB.
const maxCache = 256 << 20

// cacheDir returns the directory for cached layouts, "" when there is none.
func cacheDir() string {
	d, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(d, "pyfreeze", "layouts")
}

// cacheKey names a build: its build-id, else what tells its file from others.
func cacheKey(f *File) string {
	if f.buildID != "" {
		return f.buildID
	}
	h := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", f.Path, f.Size, f.Mtime.UnixNano()))
	return "file-" + hex.EncodeToString(h[:16])
}

// readCache returns the cached table of f, nil when there is none to use.
func readCache(dir string, f *File) *table {
	if dir == "" {
		return nil
	}
	key := cacheKey(f)
	fd, err := os.OpenFile(filepath.Join(dir, key), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = fd.Close() }() // only read
	st, err := fd.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxCache {
		return nil
	}
	// Wrong offsets would corrupt a target: trust only what this user wrote.
	if s, ok := st.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != os.Geteuid() || st.Mode().Perm()&0o022 != 0 {
		return nil
	}
	b := make([]byte, st.Size())
	if n, err := fd.ReadAt(b, 0); n != len(b) {
		_ = err // shorter than it was: as good as none
		return nil
	}
	t, err := decodeTable(b, key)
	if err != nil {
		return nil // LoadLayout writes it anew
	}
	return t
}

// writeCache stores a table. Failing costs the next run its time and nothing
// else, so it is silent.
func writeCache(dir string, f *File, t *table) {
	if dir == "" || os.MkdirAll(dir, 0o700) != nil {
		return
	}
	key := cacheKey(f)
	tmp, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return
	}
	_, werr := tmp.Write(encodeTable(t, key))
	cerr := tmp.Close()
	if werr == nil && cerr == nil && os.Rename(tmp.Name(), filepath.Join(dir, key)) == nil {
		return
	}
	_ = os.Remove(tmp.Name()) // best effort: nothing else is left to do
}
