package launcher

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// UserCache in File.Cache stands for the cache of whoever runs the launcher.
const UserCache = "user"

// File is what a launcher says.
type File struct {
	Path     string   // of the launcher
	Pyfreeze string   // of the binary that runs it
	Name     string   // of the command; its images lie in a directory of this name
	Program  string   // absolute, or a name to look up on PATH behind the launcher
	Cache    string   // directory of all programs' images, absolute, or UserCache
	Env      []string // variables that choose among images; NAME* stands for all that begin so
	Warm     []string // command lines to warm up with, words as a shell's
	WarmEnv  []string // NAME=VALUE for them; NAME= takes one away
	Recipe   string   // path; "" for one that ships with pyfreeze, if any
	Sets     []string // what a guess of what is switched on looks at: script.Recipe
	SetEnv   []string
	SetFiles []string
	Strict   bool   // a thaw compares what is in each file
	At       string // where the program is frozen, as freeze --at takes it; "" at its exit
}

// maxFile is less than what the fast way reads (LAUNCHER_MAX in stub/src/launcher.c).
const maxFile = 8191

const (
	marker    = "# pyfreeze launcher 1"
	pythonEnd = `import os, sys
# Started by an interpreter, and not by the kernel: the program itself, in that interpreter.
def program(name):
    if os.path.isabs(name):
        return name
    for d in os.get_exec_path():
        p = os.path.join(d, name)
        if os.access(p, os.X_OK) and not os.path.samefile(p, __file__):
            return p
    sys.exit(name + ': not found on PATH')
__file__ = sys.argv[0] = program(%s)
exec(compile(open(__file__, 'rb').read(), __file__, 'exec'))
`
)

// NotLauncherError says that a file is no launcher.
type NotLauncherError struct{ Path, Why string }

func (e *NotLauncherError) Error() string {
	return fmt.Sprintf("%s is no launcher of pyfreeze: %s", e.Path, e.Why)
}

// Read parses a launcher. Errors: *NotLauncherError, *os.PathError.
func Read(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, maxFile+1)
	n, err := f.Read(b)
	if err != nil && n == 0 {
		return nil, &NotLauncherError{path, err.Error()}
	}
	text, _, _ := strings.Cut(string(b[:n]), "\x00") // as the fast way, which reads a C string
	lines := strings.Split(text, "\n")
	if n > maxFile || !slices.Contains(lines, marker) {
		return nil, &NotLauncherError{path, "it has no line " + marker}
	}
	if !slices.ContainsFunc(lines, func(s string) bool { return strings.HasPrefix(s, "# env: ") }) {
		return nil, &NotLauncherError{path,
			"it has no line # env: , which may have nothing behind its blank"}
	}
	l := &File{Path: path}
	for _, line := range lines {
		if exe, ok := strings.CutPrefix(line, "#!"); ok {
			l.Pyfreeze, _, _ = strings.Cut(exe, " ")
		}
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "# name":
			l.Name = value
		case "# program":
			l.Program = value
		case "# cache":
			l.Cache = value
		case "# env":
			l.Env = strings.Fields(value)
		case "# warm":
			l.Warm = append(l.Warm, value)
		case "# warm-env":
			l.WarmEnv = append(l.WarmEnv, value)
		case "# recipe":
			l.Recipe = value
		case "# sets":
			l.Sets = strings.Fields(value)
		case "# set-env":
			l.SetEnv = strings.Fields(value)
		case "# set-files":
			l.SetFiles = strings.Fields(value)
		case "# strict":
			l.Strict = value == "yes"
		case "# at":
			l.At = value
		}
	}
	return l, l.check()
}

func (l *File) check() error {
	bad := func(format string, a ...any) error { return &NotLauncherError{l.Path, fmt.Sprintf(format, a...)} }
	switch {
	case l.Name == "" || strings.ContainsAny(l.Name, "/\n") || l.Name == "." || l.Name == "..":
		return bad("its name is %q", l.Name)
	case l.Program == "" || strings.Contains(l.Program, "/") && !filepath.IsAbs(l.Program):
		return bad("its program is %q", l.Program)
	case l.Cache != UserCache && !filepath.IsAbs(l.Cache):
		return bad("its cache is %q", l.Cache)
	}
	return nil
}

// Text gives the launcher as a file: a script for pyfreeze that is one for Python, too, in case a program starts it so.
// It fails when the file would not be read back as it is.
func (l *File) Text() ([]byte, error) {
	if strings.ContainsAny(l.Pyfreeze, " \t\n") || len(l.Pyfreeze) > 200 || !filepath.IsAbs(l.Pyfreeze) {
		return nil, fmt.Errorf("the kernel cannot run scripts for %q: move pyfreeze to a short path without blanks", l.Pyfreeze)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "#!%s launch\n%s\n", l.Pyfreeze, marker)
	fmt.Fprintf(&b, "# Starts a program from an image; `pyfreeze uninstall %s` takes this file away.\n", l.Name)
	line := func(key, value string) {
		fmt.Fprintf(&b, "# %s: %s\n", key, value)
	}
	line("name", l.Name)
	line("program", l.Program)
	line("cache", l.Cache)
	line("env", strings.Join(l.Env, " "))
	for _, w := range l.Warm {
		line("warm", w)
	}
	for _, w := range l.WarmEnv {
		line("warm-env", w)
	}
	if len(l.Sets) > 0 {
		line("sets", strings.Join(l.Sets, " "))
		line("set-env", strings.Join(l.SetEnv, " "))
		line("set-files", strings.Join(l.SetFiles, " "))
	}
	if l.Recipe != "" {
		line("recipe", l.Recipe)
	}
	if l.Strict {
		line("strict", "yes")
	}
	if l.At != "" {
		line("at", l.At)
	}
	fmt.Fprintf(&b, pythonEnd, pythonString(l.Program))
	if err := l.check(); err != nil {
		return nil, err
	}
	for _, value := range slices.Concat([]string{l.Name, l.Program, l.Cache, l.Recipe, l.At},
		l.Env, l.Warm, l.WarmEnv, l.Sets, l.SetEnv, l.SetFiles) {
		if strings.ContainsAny(value, "\n\x00") {
			return nil, fmt.Errorf("%q has more than one line", value)
		}
	}
	if b.Len() > maxFile {
		return nil, errors.New("the launcher would be longer than 8 KiB: give fewer --warm")
	}
	return b.Bytes(), nil
}

// pythonString writes s as a Python literal.
func pythonString(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		if r < ' ' || r == '\'' || r == '\\' || r > '~' {
			fmt.Fprintf(&b, "\\U%08x", r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
