package symbols

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The cache of elfutils' debuginfod client, in its format, so that gdb and pyfreeze share what
// either has fetched: DIR/BUILDID/debuginfo, empty where no server had the file a short time ago.
const (
	debugCacheFile  = "debuginfo"
	debugCacheMiss  = "cache_miss_s" // holds how many seconds an empty file counts
	defaultMissTime = 10 * time.Minute
)

// cacheError says that the cache cannot be used, which is not the server's fault.
type cacheError struct{ err error }

func (e *cacheError) Error() string { return e.err.Error() }
func (e *cacheError) Unwrap() error { return e.err }

// rememberedError says that no server had the file when they were last asked.
type rememberedError struct{ left time.Duration }

func (e *rememberedError) Error() string {
	return fmt.Sprintf("no server had the file; they are asked again in %v, or when this file is removed", e.left.Round(time.Second))
}

// debugCache is the cache's directory of one build. All is done through open directories, so
// that no link in it leads elsewhere.
type debugCache struct {
	dir      string // of the whole cache
	id       string
	top, own *os.Root
	made     bool // own did not exist
}

// debugCacheDir is where elfutils has the cache.
func debugCacheDir() (string, error) {
	if d := os.Getenv("DEBUGINFOD_CACHE_PATH"); d != "" {
		return d, nil
	}
	home, err := os.UserHomeDir()
	if err == nil {
		old := filepath.Join(home, ".debuginfod_client_cache")
		if _, err := os.Stat(old); err == nil {
			return old, nil
		}
	}
	if d := os.Getenv("XDG_CACHE_HOME"); d != "" {
		return filepath.Join(d, "debuginfod_client"), nil
	}
	if err != nil {
		return "", fmt.Errorf("%w: name a directory in DEBUGINFOD_CACHE_PATH", err)
	}
	return filepath.Join(home, ".cache", "debuginfod_client"), nil
}

// openDebugCache opens, or makes, the cache's directory of a build. The cache returned with an
// error has only names.
func openDebugCache(id string) (c *debugCache, err error) {
	c = &debugCache{id: id}
	if c.dir, err = debugCacheDir(); err != nil {
		c.dir = DebuginfodURLsEnv
		return c, err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return c, err
	}
	if c.top, err = os.OpenRoot(c.dir); err != nil {
		return c, err
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := trustedDir(c.top, 0); err != nil {
		return c, err
	}
	if err := c.top.Mkdir(id, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return c, err
	} else if err == nil {
		c.made = true
	}
	if c.own, err = c.top.OpenRoot(id); err != nil {
		return c, err
	}
	if err := trustedDir(c.own, 0o022); err != nil {
		return c, fmt.Errorf("%s: %w", id, err)
	}
	return c, nil
}

// trustedDir refuses a directory that another user could put files into. With umask 002, elfutils
// makes the top directory writable for a group, which does no harm: what counts is who owns the
// directory of the build.
func trustedDir(r *os.Root, writable os.FileMode) error {
	st, err := r.Stat(".")
	if err != nil {
		return err
	}
	return trusted(st, writable)
}

// trusted says why a file or directory may be another user's work. Wrong layouts would corrupt a target.
func trusted(st os.FileInfo, writable os.FileMode) error {
	s, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !ok || s.Uid != 0 && int(s.Uid) != os.Geteuid():
		return errors.New("belongs to another user: name a directory of your own in DEBUGINFOD_CACHE_PATH")
	case st.Mode().Perm()&writable != 0:
		return fmt.Errorf("other users may write to it (mode %04o)", st.Mode().Perm())
	}
	return nil
}

func (c *debugCache) close() {
	if c.own != nil {
		_ = c.own.Close()
	}
	if c.top != nil {
		if c.made {
			_ = c.top.Remove(c.id) // succeeds only where nothing came into it
		}
		_ = c.top.Close()
	}
}

func (c *debugCache) path() string { return filepath.Join(c.dir, c.id, debugCacheFile) }

// find opens the cached debug file of f: nil without an error when there is none, nor any memory
// of one that no server had. A file that does not fit is replaced by the next that comes.
func (c *debugCache) find(f *File) (*File, error) {
	fd, err := c.own.OpenFile(debugCacheFile, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := fd.Stat()
	if err == nil {
		err = trusted(st, 0o022)
	}
	if err != nil || st.Mode().IsRegular() && st.Size() == 0 {
		_ = fd.Close() // only read
		if err != nil {
			return nil, err
		}
		return nil, c.remembered(st)
	}
	return openFetched(c.path(), fd, f)
}

// remembered tells how long an empty file still counts; one that no longer does is removed.
func (c *debugCache) remembered(st os.FileInfo) error {
	keep := defaultMissTime
	if b, err := c.top.ReadFile(debugCacheMiss); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 32); err == nil {
			keep = time.Duration(n) * time.Second
		}
	}
	age := time.Since(st.ModTime())
	if age >= 0 && age < keep {
		return &rememberedError{keep - age}
	}
	_ = c.own.Remove(debugCacheFile) // else the next file that comes replaces it
	return nil
}

// sweep removes downloads that ended with their process. One that goes on is written to.
func (c *debugCache) sweep() {
	d, err := c.own.Open(".")
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }() // only read
	entries, _ := d.ReadDir(1 << 10) // best effort, as all here
	for _, e := range entries {
		if st, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), debugCacheFile+".") && time.Since(st.ModTime()) > maxDownload {
			_ = c.own.Remove(e.Name())
		}
	}
}

// rememberNone leaves an empty file. Failing costs the next run the questions.
func (c *debugCache) rememberNone() {
	if fd, err := c.own.OpenFile(debugCacheFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		_ = fd.Close()
	}
}
