package symbols

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// Source says where the files of a target are looked for.
type Source struct {
	// PID is the process whose files also count where they are not at their paths here: in another
	// mount namespace, behind another root directory, deleted, or replaced by another version. 0:
	// paths alone count.
	PID int
}

// Identify is the function [Identify], with files of this source.
func (s Source) Identify(maps []procmem.Mapping, mem procmem.Reader) (*Interpreter, error) {
	mods, errs := findModules(s, maps, mem)
	in, keep, err := identify(mods, errs, mem)
	for i := range mods {
		if err != nil || i != keep {
			_ = mods[i].File.Close() // only read
		}
	}
	if err != nil {
		return nil, err
	}
	in.Source = s
	return in, nil
}

// Modules is [ModulesIn], with files of this source.
func (s Source) Modules(maps []procmem.Mapping, mem procmem.Reader) ([]Module, error) {
	mods, errs := findModules(s, maps, mem)
	var replaced []error
	for _, e := range errs {
		if _, ok := errors.AsType[*ReplacedError](e); ok {
			replaced = append(replaced, e)
		}
	}
	return mods, errors.Join(replaced...)
}

// open opens the file of mappings; first is what was wrong with the one at its path.
func (s Source) open(g []procmem.Mapping, mem procmem.Reader, first error) (*File, error) {
	if s.PID == 0 {
		return nil, first
	}
	m := &g[0]
	try := func(fd *os.File, err error) *File {
		if err != nil {
			return nil
		}
		f, err := newFile(m.Path, fd)
		if err != nil {
			return nil
		}
		if changed(f, g, mem) != "" {
			_ = f.Close() // only read
			return nil
		}
		return f
	}
	proc := fmt.Sprintf("/proc/%d/", s.PID)
	if f := try(OpenInRoot(proc+"root", m.Path)); f != nil && !m.Deleted {
		return f, nil
	}
	// The kernel lets only the privileged through the former.
	for _, name := range []string{fmt.Sprintf("map_files/%x-%x", uint64(m.Start), uint64(m.End)), "exe"} {
		if f := try(os.OpenFile(proc+name, os.O_RDONLY|unix.O_NONBLOCK, 0)); f != nil {
			return f, nil
		}
	}
	return nil, first
}

// OpenInRoot opens a regular file for reading below another root directory; links in it lead
// nowhere else, though the owner of that root chose them.
func OpenInRoot(root, path string) (*os.File, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, strings.TrimPrefix(path, "/"), &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: root + path, Err: err}
	}
	f := os.NewFile(uintptr(fd), root+path)
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		_ = f.Close() // only read
		return nil, &os.PathError{Op: "open", Path: root + path, Err: errors.Join(err, os.ErrInvalid)}
	}
	return f, nil
}
