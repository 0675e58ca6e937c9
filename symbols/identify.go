package symbols

import (
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"pyfreeze/procmem"
)

// Interpreter is the CPython that a target runs.
type Interpreter struct {
	Module  Module // the file that holds it: the executable or libpython
	Exe     string // path of the executable
	Version Version
	Static  bool         // the executable itself holds the interpreter
	Bias    procmem.Addr // runtime = link-time + Bias; 0 for ET_EXEC
	Source  Source       // where its file was found, and others are
}

// The versions that are supported, by minor number of Python 3: docs/interpreters.md says what one
// more takes.
const (
	OldestMinor = 8
	NewestMinor = 15
)

// Newer says whether the version is the one after those that are supported. Identify accepts it:
// what its debug information says can be read as if it were the newest one. It is neither frozen
// nor thawed.
func (v Version) Newer() bool { return v.Major == 3 && v.Minor == NewestMinor+1 }

// Supported refuses a version that can only be read ([Version.Newer]), with a *NotPythonError.
func (in *Interpreter) Supported() error {
	if !in.Version.Newer() {
		return nil
	}
	return versionError(in.Module.Path, in.Version)
}

// versionError refuses a version.
func versionError(path string, v Version) *NotPythonError {
	reason := fmt.Sprintf("it is Python %v; supported are 3.%d to 3.%d", v, OldestMinor, NewestMinor)
	if v.Newer() {
		reason += "; pyfreeze inspect tries to read it"
	}
	return &NotPythonError{Path: path, Reason: reason, Version: v}
}

// Identify finds the interpreter among the mapped files. *NotPythonError says
// what the target is instead; *ReplacedError, that the interpreter's file on
// disk is not the one that runs. The caller closes Module.File.
func Identify(maps []procmem.Mapping, mem procmem.Reader) (*Interpreter, error) {
	return Source{}.Identify(maps, mem)
}

func identify(mods []Module, errs []error, mem procmem.Reader) (in *Interpreter, keep int, err error) {
	exe := exeOf(mods)
	if m := muslOf(mods); m != "" {
		return nil, 0, &NotPythonError{Path: pathOf(mods, exe), Reason: "it runs on musl libc (" + m + "); only glibc is supported"}
	}
	var found []int
	for i := range mods {
		if _, ok := mods[i].File.Dynsym("_PyRuntime"); ok {
			found = append(found, i)
		}
	}
	if len(found) == 0 && exe >= 0 {
		if _, ok := mods[exe].File.anySym("_PyRuntime"); ok {
			found = []int{exe}
		}
	}
	keep = -1
	for _, i := range found {
		if i == exe { // ld.so binds every reference to the executable's copy
			keep = i
		}
	}
	switch {
	case keep >= 0:
	case len(found) == 1:
		keep = found[0]
	case len(found) > 1:
		return nil, 0, &NotPythonError{Path: pathOf(mods, exe), Reason: fmt.Sprintf("it holds two interpreters, %s and %s",
			mods[found[0]].Path, mods[found[1]].Path)}
	default:
		return nil, 0, notPython(mods, exe, errs)
	}
	m := mods[keep]
	in = &Interpreter{Module: m, Exe: pathOf(mods, exe), Static: keep == exe, Bias: m.Bias}
	if in.Version, err = checkVersion(m); err != nil {
		return nil, 0, err
	}
	if err := checkMemory(m, in.Version, mem); err != nil {
		return nil, 0, err
	}
	return in, keep, nil
}

// checkVersion reads the version and refuses those that are not supported.
func checkVersion(m Module) (Version, error) {
	v, freeThreaded, ok := pythonVersion(m.File)
	switch {
	case !ok:
		return v, &NotPythonError{Path: m.Path, Reason: "it is a Python whose version cannot be told"}
	case freeThreaded || v.AtLeast(3, 13) && strings.HasSuffix(strings.SplitN(m.File.Soname(), ".so", 2)[0], "t"):
		return v, &NotPythonError{Path: m.Path, Reason: fmt.Sprintf("it is a free-threaded Python %v; only builds with the GIL are supported", v)}
	case v.Major != 3 || v.Minor < OldestMinor || v.Minor > NewestMinor && !v.Newer():
		return v, versionError(m.Path, v)
	}
	return v, nil
}

// checkMemory makes sure that the running code is the file's: what the file
// says is applied to this memory.
func checkMemory(m Module, v Version, mem procmem.Reader) error {
	if mem == nil {
		return nil
	}
	for _, mp := range m.Maps {
		if mp.Path == m.Path && mp.Offset == 0 {
			if why, _ := sameBuild(m.File, mp.Start, mem); why != "" {
				return &ReplacedError{m.Path, mp.Start, why}
			}
			break
		}
	}
	s, ok := m.File.anySym("Py_Version")
	if !ok {
		return nil
	}
	at := s.Addr + m.Bias
	if h, err := readUint(mem, at, 8); err == nil && uint32(h) != v.Hex {
		return &ReplacedError{m.Path, at, fmt.Sprintf("the target runs version %v, the file has %v", versionOfHex(uint32(h)), v)}
	}
	return nil
}

// exeOf returns the index of the executable, -1 when it is not among mods. The
// maps do not say; ET_EXEC and DF_1_PIE do, else having an interpreter and no
// soname (libc has both).
func exeOf(mods []Module) int {
	const dfPIE = 0x08000000
	fallback := -1
	for i := range mods {
		f := mods[i].File
		if f.Type == elf.ET_EXEC {
			return i
		}
		flags, _ := f.elf.DynValue(elf.DT_FLAGS_1) // absent: no flags
		if len(flags) > 0 && flags[0]&dfPIE != 0 {
			return i
		}
		if fallback < 0 && f.Interp != "" && f.Soname() == "" {
			fallback = i
		}
	}
	return fallback
}

func pathOf(mods []Module, i int) string {
	if i < 0 || i >= len(mods) {
		return ""
	}
	return mods[i].Path
}

// muslOf returns the path of musl's loader when the target uses it.
func muslOf(mods []Module) string {
	for i := range mods {
		for _, p := range []string{mods[i].Path, mods[i].File.Interp} {
			if b := filepath.Base(p); strings.HasPrefix(b, "ld-musl-") || strings.HasPrefix(b, "libc.musl-") {
				return p
			}
		}
	}
	return ""
}

// notPython explains why no interpreter was found.
func notPython(mods []Module, exe int, errs []error) error {
	for _, e := range errs {
		// A replaced executable or libpython is the likely cause.
		if r, ok := errors.AsType[*ReplacedError](e); ok && (exe < 0 || strings.Contains(filepath.Base(r.Path), "python")) {
			return r
		}
	}
	if exe < 0 {
		for _, e := range errs {
			if f, ok := errors.AsType[*FormatError](e); ok {
				return &NotPythonError{Path: f.Path, Reason: "it is " + f.What}
			}
		}
		if len(errs) > 0 {
			return errs[0]
		}
		return &NotPythonError{Reason: "it has no executable (a kernel thread, or its memory is empty)"}
	}
	for i := range mods {
		f := mods[i].File
		if _, ok := f.Dynsym("pypy_main_startup"); ok {
			return &NotPythonError{Path: f.Path, Reason: "it is PyPy; only CPython is supported"}
		}
		if _, ok := f.Dynsym("Py_Initialize"); ok {
			if _, err := checkVersion(mods[i]); err != nil {
				return err
			}
		}
	}
	return &NotPythonError{Path: mods[exe].Path, Reason: describe(mods[exe].File)}
}

func describe(f *File) string {
	if f.Interp == "" && f.elf.Section(".dynsym") == nil {
		return "it is a static executable without a Python in it"
	}
	return "it is an executable without a Python in it, and no libpython is loaded"
}
