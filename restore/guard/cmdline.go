package guard

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Cmdline is a Python command line taken apart.
type Cmdline struct {
	Interp []string // argv[0] and the interpreter's options
	What   []string // SCRIPT, or -m MODULE, or -c CODE
	Args   []string
}

// ParseCmdline takes apart the command line of an interpreter as
// Python/getopt.c does. A command without a script, which reads a program from a
// terminal or a pipe, is an error.
func ParseCmdline(argv []string) (Cmdline, error) {
	if len(argv) == 0 {
		return Cmdline{}, fmt.Errorf("the process has no command line")
	}
	for i := 1; i < len(argv); i++ {
		a := argv[i]
		switch {
		case a == "--":
			i++
			if i >= len(argv) {
				return Cmdline{}, ErrNoScript
			}
			return Cmdline{argv[:i], argv[i : i+1], argv[i+1:]}, nil
		case strings.HasPrefix(a, "--check-hash-based-pycs"):
			i++
			continue
		case a == "-" || !strings.HasPrefix(a, "-"):
			if a == "-" {
				return Cmdline{}, ErrNoScript
			}
			return Cmdline{argv[:i], argv[i : i+1], argv[i+1:]}, nil
		}
		for j := 1; j < len(a); j++ {
			c := a[j]
			if c != 'c' && c != 'm' && c != 'W' && c != 'X' {
				continue
			}
			value, next := a[j+1:], i+1
			if value == "" {
				if next >= len(argv) {
					return Cmdline{}, ErrNoScript
				}
				value, next = argv[next], next+1
			}
			if c == 'W' || c == 'X' {
				i = next - 1
				break
			}
			interp := append([]string{}, argv[:i]...)
			if j > 1 {
				interp = append(interp, a[:j]) // options that share a word with -c or -m
			}
			return Cmdline{interp, []string{"-" + string(c), value}, argv[next:]}, nil
		}
	}
	return Cmdline{}, ErrNoScript
}

var ErrNoScript = fmt.Errorf("the process runs no script, module or command of its own; it reads its program from standard input")

// HasOption says whether the interpreter was given a one-letter option.
func (c *Cmdline) HasOption(letter byte) bool {
	for i := 1; i < len(c.Interp); i++ {
		a := c.Interp[i]
		if !strings.HasPrefix(a, "-") || strings.HasPrefix(a, "--") {
			continue
		}
		letters, value := a[1:], strings.IndexAny(a, "WX")
		if value >= 0 {
			letters = a[1:value]
		}
		if strings.IndexByte(letters, letter) >= 0 {
			return true
		}
		if value == len(a)-1 {
			i++ // the next word is its value
		}
	}
	return false
}

// Path0 is what the command put at the start of sys.path.
func (c *Cmdline) Path0(cwd string) string {
	switch c.What[0] {
	case "-c":
		return ""
	case "-m":
		return cwd
	}
	p := c.What[0]
	if !filepath.IsAbs(p) {
		p = filepath.Join(cwd, p)
	}
	if real, err := filepath.EvalSymlinks(p); err == nil {
		p = real
	}
	return filepath.Dir(p)
}

// Script returns the path of the script; "" for -m and -c.
func (c *Cmdline) Script() string {
	if len(c.What) > 1 {
		return ""
	}
	return c.What[0]
}
