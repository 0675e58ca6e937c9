// Package guard knows what an image depends on, and says whether it holds here and now: files, variables, the processor.
// The launcher checks the same in C (stub/src/guards.c); a test compares the two.
package guard

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/symbols"
)

// ID is what tells whether a file is still the one that was frozen. Times are in nanoseconds since the epoch.
type ID struct{ Ino, Size, MtimeNs, CtimeNs uint64 }

// Stat reads the ID of the file at path. The error is an *fs.PathError.
func Stat(path string) (ID, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return ID{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return ID{st.Ino, uint64(st.Size), uint64(st.Mtim.Nano()), uint64(st.Ctim.Nano())}, nil
}

// File is a file that an image depends on. Files with a build-id are the interpreter and its libraries, the others are
// source files and the like: of these, one with another inode or another time of change, as it is
// put in the place of another or copied with its layer, is the same where it has the same sum.
type File struct {
	Path          string
	Size, MtimeNs uint64
	Ino           uint64
	BuildID       string
	CtimeNs       uint64 // of files without a build-id
	Sum           uint64 // of its content; 0: not known
}

// Source returns the guard of a file without a build-id.
func Source(path string, id ID) File {
	f := File{Path: path, Size: id.Size, MtimeNs: id.MtimeNs, Ino: id.Ino, CtimeNs: id.CtimeNs}
	if id.Size <= maxSummed {
		f.Sum = contentSum(path, maxSummed)
	}
	return f
}

// Sums adds the sums of files that have none yet: of libraries, and with all of files that are
// large. One that does not stay the same meanwhile gets none.
func Sums(files []File, all bool) {
	for i := range files {
		f := &files[i]
		if id, err := Stat(f.Path); f.Sum != 0 || err != nil || id.Size != f.Size || id.MtimeNs != f.MtimeNs ||
			id.Size > maxSummed && !all {
			continue
		}
		f.Sum = contentSum(f.Path, math.MaxInt64-1)
	}
}

// Guards are what a thaw checks before it uses an image, and what it needs to start the command.
type Guards struct {
	Exe      string            // what execve gets
	Argv0    []string          // command line up to the script
	Script   []string          // the script, or -m MOD, or -c CODE; what a wrapper puts behind
	Dir      string            // where a script with a relative path was started; "" for others
	Given    string            // that path: it takes the place of Script there
	Comm     string            // the kernel's name for the process; "" leaves it as it was frozen
	Plain    []string          // where a wrapper started the interpreter: its path, then its words; else nil
	CPU      [3]uint64         // CPU() of the machine that the image was made on
	UTF8Mode bool              // UTF8Mode of the frozen process
	Strict   bool              // what is in each file is compared, whatever its times say
	Gate     int64             // a `syscall` instruction from the first instruction of an executed interpreter
	Names    []string          // more variables that count; NAME* stands for all that begin so
	Env      map[string]string // its values of those, of PYTHON* and of what libc and ld.so read
	Files    []File            // the interpreter and its loader first, then libraries, then sources
	Facts    []Read            // what the program asked the kernel for
	Reads    []Read            // what it looked for and listed in the file system
}

// UnfitError says why an image cannot be used for a thaw here and now. The plain command is right instead.
type UnfitError struct {
	Reason string
	// Elsewhere says that the image would fit in another environment, directory or terminal.
	Elsewhere bool
}

func (e *UnfitError) Error() string { return "the image does not fit: " + e.Reason }

// UntrustedError says why an image must not be run at all, nor the command that it names.
type UntrustedError struct{ Path, Reason string }

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("%s is not to be trusted: %s; whoever can write an image decides what it runs", e.Path, e.Reason)
}

// Trusted says whether an image may be run: it runs with all the rights of this process, so whoever could have written it must have
// them anyway. The error is an *UntrustedError.
func Trusted(im *image.Image) error {
	r, e, s := unix.Getresuid()
	uid := int(im.UID())
	switch {
	case uid != 0 && (uid != r || uid != e || uid != s):
		return &UntrustedError{im.Path(), fmt.Sprintf("it belongs to user %d", uid)}
	case im.Mode()&0o002 != 0 || im.Mode()&0o020 != 0 && im.GID() != 0:
		return &UntrustedError{im.Path(), fmt.Sprintf("others may write to it (mode %04o)", im.Mode())}
	}
	return nil
}

// Check compares the image's world with this one, for a process with the given environment. The error is an *UnfitError.
func (g *Guards) Check(env []string) error {
	for i := range g.Files {
		if err := g.Files[i].check(g.Strict); err != nil {
			return err
		}
	}
	for i := range g.Reads {
		if !g.Reads[i].holds(g.Strict) {
			return &UnfitError{Reason: g.Reads[i].Text + " has changed since"}
		}
	}
	for i := range g.Facts {
		if why := g.Facts[i].other(); why != "" {
			return &UnfitError{why, true}
		}
	}
	if now := UTF8Mode(env); now != g.UTF8Mode {
		return &UnfitError{Reason: fmt.Sprintf(
			"UTF-8 mode by LC_ALL was %t when it was frozen and is %t now", g.UTF8Mode, now)}
	}
	now := Variables(env, g.Names)
	for k, v := range g.Env {
		if w, ok := now[k]; !ok || w != v {
			return &UnfitError{fmt.Sprintf("%s was %q when it was frozen", k, v), true}
		}
	}
	for k := range now {
		if _, ok := g.Env[k]; !ok {
			return &UnfitError{fmt.Sprintf("%s was not set when it was frozen", k), true}
		}
	}
	if n := counted(env, g.Names); n != len(now) {
		return &UnfitError{Reason: "a variable is set twice"}
	}
	if CPU() != g.CPU {
		return &UnfitError{Reason: "it was frozen on another processor"}
	}
	return nil
}

func (f *File) check(strict bool) error {
	id, err := Stat(f.Path)
	if err != nil {
		return &UnfitError{Reason: fmt.Sprintf("%s is gone", f.Path)}
	}
	if strict && f.Sum != 0 && contentSum(f.Path, math.MaxInt64-1) != f.Sum {
		return &UnfitError{Reason: f.Path + " has changed since"}
	}
	if id.Size == f.Size && id.MtimeNs == f.MtimeNs && (f.BuildID != "" && id.Ino == f.Ino ||
		f.BuildID == "" && (id.Ino == f.Ino && id.CtimeNs == f.CtimeNs || f.Sum != 0 && contentSum(f.Path, maxSummed) == f.Sum)) {
		return nil
	}
	if f.BuildID == "" {
		return &UnfitError{Reason: f.Path + " has changed since"}
	}
	elf, err := symbols.Open(f.Path)
	if err != nil {
		return &UnfitError{Reason: fmt.Sprintf("%s: %v", f.Path, err)}
	}
	defer elf.Close()
	if elf.BuildID() != f.BuildID {
		return &UnfitError{Reason: fmt.Sprintf("%s has another build-id (%s, was %s)", f.Path, elf.BuildID(), f.BuildID)}
	}
	return &UnfitError{Reason: f.Path + " was written anew since"}
}

// repaired are variables of Python's that a thaw makes up for (script/thaw.py).
var repaired = map[string]bool{"PYTHONIOENCODING": true, "PYTHONPATH": true, "PYTHONUSERBASE": true}

// ofLibc are how those variables begin that ld.so and libc read when a program starts: ld.so(8).
var ofLibc = []string{"LD_", "MALLOC_", "GLIBC_TUNABLES"}

// Variables picks those that an interpreter, ld.so and libc read when they start and that a thaw
// could not make up for, and those that are named; NAME* stands for all that begin so. Of a
// variable that is set twice it has the first, as getenv does.
func Variables(env, names []string) map[string]string {
	out := map[string]string{}
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		if _, dup := out[k]; !dup && counts(e, names) {
			out[k] = v
		}
	}
	return out
}

// counts says whether an entry of an environment is one of those.
func counts(entry string, names []string) bool {
	k, v, _ := strings.Cut(entry, "=")
	ofPython := strings.HasPrefix(k, "PYTHON") && !repaired[k]
	read := ofPython || slices.ContainsFunc(ofLibc, func(p string) bool {
		return strings.HasPrefix(k, p)
	})
	return v != "" && read || Listed(entry, names)
}

// counted says how many entries count, those that are set twice twice.
func counted(env, names []string) (n int) {
	for _, e := range env {
		if counts(e, names) {
			n++
		}
	}
	return n
}

// Listed says whether the variable of an environment entry is among names; NAME* stands for all that begin so, but for
// those that a thaw makes up for, and * alone for all that are not of a shell. What has no = is
// no variable.
func Listed(entry string, names []string) bool {
	name, _, ok := strings.Cut(entry, "=")
	for _, w := range names {
		prefix, star := strings.CutSuffix(w, "*")
		if w == "*" && ofShell[name] {
			continue
		}
		if ok && (star && !repaired[name] && strings.HasPrefix(entry, prefix) || w == name) {
			return true
		}
	}
	return false
}

// ofShell are variables that "*" leaves out: they tell where a shell is, or what it started last.
var ofShell = map[string]bool{"_": true, "SHLVL": true, "PWD": true, "OLDPWD": true,
	"PYFREEZE_LOG": true}

// OfShell says whether a variable tells where a shell is, or what it started last.
func OfShell(name string) bool { return ofShell[name] }

// Lookup returns the value of a variable in an environment, nil if it is not set.
func Lookup(env []string, name string) *string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return &v
		}
	}
	return nil
}

// UTF8Mode says whether the locale variables switch Python's UTF-8 mode on (preconfig_init_utf8_mode() of
// Python/preconfig.c): those that say C, POSIX or nothing.
func UTF8Mode(env []string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := Lookup(env, name); v != nil && *v != "" {
			return *v == "C" || *v == "POSIX"
		}
	}
	return true
}
