package image

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mode is that of every image: it holds the memory of a process.
const mode = 0o600

// replaceFile has fill write a new file and puts it at path once it is whole
// and on disk. If anything fails, path is as it was and nothing else is left;
// op then names the step.
func replaceFile(path string, fill func(*os.File) error) (op string, err error) {
	if st, err := os.Lstat(path); err == nil && !st.Mode().IsRegular() && st.Mode()&fs.ModeSymlink == 0 {
		return "look at the old file", fmt.Errorf("%s is not a regular file, it would be replaced (name another file)", st.Mode().Type())
	}
	f, err := newFile(filepath.Dir(path))
	if err != nil {
		return "make a temporary file", err
	}
	defer func() {
		f.Close()
		if err != nil {
			f.remove()
		}
	}()
	// Whatever the umask and default ACLs made of it.
	if err := f.Chmod(mode); err != nil {
		return "set its mode", err
	}
	if err := fill(f.File); err != nil {
		return "write", err
	}
	if err := f.Sync(); err != nil {
		return "write to disk", err
	}
	if err := f.link(); err != nil {
		return "name it", err
	}
	if err := os.Rename(f.name, path); err != nil {
		return "rename it", err
	}
	syncDir(filepath.Dir(path))
	return "", nil
}

// tempFile is a file being written in dir.
type tempFile struct {
	*os.File
	dir  string
	name string // "" while it has none
}

// newFile makes a file without a name, where the file system can: should
// pyfreeze be killed, nothing stays behind. Else a file with a random name.
func newFile(dir string) (*tempFile, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, mode)
	if err == nil {
		return &tempFile{File: os.NewFile(uintptr(fd), filepath.Join(dir, "(unnamed)")), dir: dir}, nil
	}
	return newNamedFile(dir)
}

func newNamedFile(dir string) (*tempFile, error) {
	f, err := os.CreateTemp(dir, ".pyfreeze-*.tmp")
	if err != nil {
		return nil, err
	}
	return &tempFile{File: f, dir: dir, name: f.Name()}, nil
}

// link gives the file a name, if it has none yet.
func (f *tempFile) link() error {
	if f.name != "" {
		return nil
	}
	for {
		name := filepath.Join(f.dir, fmt.Sprintf(".pyfreeze-%d.tmp", rand.Uint64()))
		err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
		if err == nil {
			f.name = name
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

func (f *tempFile) remove() {
	if f.name != "" {
		os.Remove(f.name)
	}
}

// syncDir makes the rename last. The image is whole and in place by now, and
// some file systems refuse to sync a folder: so an error is no failure.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
