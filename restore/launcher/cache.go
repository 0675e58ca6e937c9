package launcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const suffix = ".pyfreeze"

// dirs gives the directories where images of the launcher may be, in the order in which they are looked at (find_image in
// stub/src/launcher.c): the cache, or where that cannot be written, a place for this session or this user.
func (l *File) dirs() []string {
	var out []string
	add := func(base, sub string) {
		if filepath.IsAbs(base) {
			out = append(out, filepath.Join(base, sub, l.Name))
		}
	}
	cache, home := os.Getenv("XDG_CACHE_HOME"), os.Getenv("HOME")
	switch {
	case l.Cache != UserCache:
		add(l.Cache, "")
	case filepath.IsAbs(cache):
		add(cache, "pyfreeze")
	default:
		add(home, ".cache/pyfreeze")
	}
	add(os.Getenv("XDG_RUNTIME_DIR"), "pyfreeze")
	add(fmt.Sprintf("/tmp/pyfreeze-%d", os.Getuid()), "")
	return out
}

// private says why a directory is not one that nobody else can write to or look into.
func private(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return &os.PathError{Op: "use", Path: dir, Err: unix.ENOTDIR}
	case int(st.Uid) != os.Getuid():
		return &os.PathError{Op: "use", Path: dir, Err: fmt.Errorf("it belongs to user %d", st.Uid)}
	case st.Mode&0o077 != 0:
		return &os.PathError{Op: "use", Path: dir, Err: fmt.Errorf("others have access to it (mode %04o)", st.Mode&0o7777)}
	}
	return nil
}

// writable gives the first directory that can be written to, and makes it if need be. One that others have access to is not used.
func (l *File) writable() (string, error) {
	var errs []error
	for _, dir := range l.dirs() {
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			err = private(dir)
		}
		if err == nil {
			err = unix.Access(dir, unix.W_OK)
		}
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("there is no place for images: %w", errors.Join(errs...))
}
