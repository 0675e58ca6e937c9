package staticpie

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"pyfreeze/cmd/pyfreeze/internal/aptsource"
)

// AbsentError says which packages or archives a static PIE of Debian's Python cannot be made for want of.
type AbsentError struct{ Err error }

func (e *AbsentError) Error() string { return "no static PIE of Debian's Python: " + e.Err.Error() }

// Unwrap gives what is absent.
func (e *AbsentError) Unwrap() error { return e.Err }

// FromSource builds one of the source of Debian's Python 3.11, with debug information, and keeps it in a cache directory: the first time takes
// minutes. It works with the standard library that is installed, so the modules that Debian builds in are built in here. Errors: *AbsentError.
func FromSource(ctx context.Context) (path string, err error) {
	const setup = "/usr/lib/python3.11/config-3.11-x86_64-linux-gnu/Setup.local"
	list, err := os.ReadFile(setup)
	if err != nil {
		return "", &AbsentError{fmt.Errorf("python3.11-dev is not installed: %w", err)}
	}
	dir, err := cache()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "python3.11")
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	work, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	// Debian's changes are of no importance here, so whichever revision the archive has will do.
	if err := aptsource.Download(ctx, work, "python3.11", "--tar-only"); err != nil {
		return "", &AbsentError{err}
	}
	found, err := filepath.Glob(filepath.Join(work, "*.orig.tar.*"))
	if err != nil || len(found) != 1 {
		return "", &AbsentError{fmt.Errorf("%d source archives where one was fetched", len(found))}
	}
	tree := filepath.Join(work, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return "", err
	}
	if err := aptsource.Run(ctx, tree, "tar", "-xf", found[0], "--strip-components=1"); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(tree, "Modules/Setup.local"), list, 0o644); err != nil {
		return "", err
	}
	for _, argv := range [][]string{
		{"./configure", "--prefix=/usr", "--without-ensurepip", "--with-system-expat", "CFLAGS=-g -O1 -fPIE", "LDFLAGS=-pie"},
		{"make", "-s", "-j" + strconv.Itoa(runtime.NumCPU()), "python"},
	} {
		if err := aptsource.Run(ctx, tree, argv[0], argv[1:]...); err != nil {
			return "", err
		}
	}
	return out, os.Rename(filepath.Join(tree, "python"), out)
}

// cache is where it is kept: the machine's place for what tests make, or the user's.
func cache() (string, error) {
	dir := "/var/cache/pyfreeze-test/static-pie"
	if os.MkdirAll(dir, 0o755) == nil {
		if f, err := os.CreateTemp(dir, "may-write-"); err == nil {
			_ = f.Close()
			return dir, os.Remove(f.Name())
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(home, ".cache/pyfreeze-test/static-pie")
	return dir, os.MkdirAll(dir, 0o755)
}
