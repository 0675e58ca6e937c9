package restore

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/symbols"
)

// fileID is what tells whether a file is still the one that was frozen.
type fileID struct{ ino, size, mtimeNs uint64 }

func statFile(path string) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fileID{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return fileID{st.Ino, uint64(st.Size), uint64(st.Mtim.Nano())}, nil
}

// guardFile is a file that an image depends on. Files with a build-id are the
// interpreter and its libraries, the others source files.
type guardFile struct {
	Path    string
	Size    uint64
	MtimeNs uint64
	Ino     uint64 // of libraries: the stub knows them by it
	BuildID string
}

// guards are what a thaw checks before it uses an image, and what it needs to
// start the command.
type guards struct {
	Exe       string            // what execve gets
	Argv0     []string          // command line up to the script
	Script    []string          // the script, or -m MOD, or -c CODE
	Comm      string            // the kernel's name for the process
	UTF8Mode  bool              // utf8Mode of the frozen process
	Variables []string          // more variables that count, named by the recipe; NAME* for all that begin so
	Env       map[string]string // its values of those, of PYTHON* and of what ld.so reads
	Files     []guardFile
	// Where the tracer child finds a system call instruction, from ld.so's entry point.
	SyscallDelta int64
	LdEntry      uint64
	CPU          [2]uint64 // features that libraries were resolved for
}

// UnfitError says why an image cannot be used for a thaw here and now. The
// plain command is right instead.
type UnfitError struct{ Reason string }

func (e *UnfitError) Error() string { return "the image does not fit: " + e.Reason }

// addReopened adds the files that a thaw opens again to read them on.
func (g *guards) addReopened(again []reopening) error {
	for _, r := range again {
		if !r.d.guarded() {
			continue
		}
		id, err := statFile(r.d.Target)
		if err != nil {
			return err
		}
		g.Files = append(g.Files, guardFile{Path: r.d.Target, Size: id.size, MtimeNs: id.mtimeNs})
	}
	return nil
}

// addHome adds what a plain start finds at its path: the interpreter, and files that it reads. path is "" where it is not known.
func (g *guards) addHome(path string) {
	if path == "" {
		return
	}
	if i := slices.IndexFunc(g.Files, func(f guardFile) bool { return f.Path == g.Exe }); i >= 0 && path != g.Exe {
		link := g.Files[i]
		link.Path = path
		g.Files = slices.Insert(g.Files, i, link) // those with a build-id come first
	}
	g.Files = append(g.Files, homeFiles(path)...)
}

// check compares the image's world with this one.
func (g *guards) check(env []string) error {
	for _, f := range g.Files {
		if err := f.check(); err != nil {
			return err
		}
	}
	if now := utf8Mode(env); now != g.UTF8Mode {
		return &UnfitError{fmt.Sprintf("UTF-8 mode by LC_ALL was %t when it was frozen and is %t now", g.UTF8Mode, now)}
	}
	now := guardedEnv(env, g.Variables)
	for k, v := range g.Env {
		if w, ok := now[k]; !ok || w != v {
			return &UnfitError{fmt.Sprintf("%s was %q when it was frozen", k, v)}
		}
	}
	for k := range now {
		if _, ok := g.Env[k]; !ok {
			return &UnfitError{fmt.Sprintf("%s was not set when it was frozen", k)}
		}
	}
	if cpu := cpuFeatures(); cpu != g.CPU {
		return &UnfitError{"it was frozen on another processor"}
	}
	return nil
}

func (f *guardFile) check() error {
	id, err := statFile(f.Path)
	if err != nil {
		return &UnfitError{fmt.Sprintf("%s is gone", f.Path)}
	}
	same := id.size == f.Size && id.mtimeNs == f.MtimeNs && (f.BuildID == "" || id.ino == f.Ino)
	if same {
		return nil
	}
	if f.BuildID == "" {
		return &UnfitError{f.Path + " has changed since"}
	}
	elf, err := symbols.Open(f.Path)
	if err != nil {
		return &UnfitError{fmt.Sprintf("%s: %v", f.Path, err)}
	}
	defer elf.Close()
	if elf.BuildID() != f.BuildID {
		return &UnfitError{fmt.Sprintf("%s has another build-id (%s, was %s)", f.Path, elf.BuildID(), f.BuildID)}
	}
	return &UnfitError{f.Path + " was written anew since"}
}

// repaired are variables of Python's that a thaw makes up for (thaw.py).
var repaired = map[string]bool{"PYTHONIOENCODING": true, "PYTHONPATH": true, "PYTHONUSERBASE": true}

// ofLoader are variables that tell ld.so which libraries to load: with others, an image's would be the wrong ones.
var ofLoader = map[string]bool{"LD_LIBRARY_PATH": true, "LD_PRELOAD": true, "LD_AUDIT": true}

// guardedEnv picks the variables that an interpreter and ld.so read when they start, and those that a recipe names.
func guardedEnv(env, names []string) map[string]string {
	out := map[string]string{}
	for _, e := range env {
		k, v, ok := strings.Cut(e, "=")
		counts := ok && v != "" && (strings.HasPrefix(k, "PYTHON") && !repaired[k] || ofLoader[k])
		if !counts && !Listed(e, names) {
			continue
		}
		if _, dup := out[k]; !dup {
			out[k] = v
		}
	}
	return out
}

// Listed says whether the variable of an environment entry is among names; NAME* stands for all that begin so, but for
// those that a thaw makes up for. So does listed() of stub/launcher.h.
func Listed(entry string, names []string) bool {
	name, _, ok := strings.Cut(entry, "=")
	for _, w := range names {
		prefix, star := strings.CutSuffix(w, "*")
		if star && !repaired[name] && strings.HasPrefix(entry, prefix) || ok && w == name {
			return true
		}
	}
	return false
}

// utf8Mode says whether the locale variables switch Python's UTF-8 mode on
// (preconfig_init_utf8_mode() of Python/preconfig.c): those that say C, POSIX or nothing.
func utf8Mode(env []string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := lookup(env, name); v != nil && *v != "" {
			return *v == "C" || *v == "POSIX"
		}
	}
	return true
}
