package restore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cmdline is a Python command line taken apart.
type cmdline struct {
	interp []string // argv[0] and the interpreter's options
	what   []string // SCRIPT, or -m MODULE, or -c CODE
	args   []string
}

// parseCmdline takes apart the command line of an interpreter as
// Python/getopt.c does. A command without a script, which reads a program from a
// terminal or a pipe, is an error.
func parseCmdline(argv []string) (cmdline, error) {
	if len(argv) == 0 {
		return cmdline{}, fmt.Errorf("the process has no command line")
	}
	for i := 1; i < len(argv); i++ {
		a := argv[i]
		switch {
		case a == "--":
			i++
			if i >= len(argv) {
				return cmdline{}, errNoScript
			}
			return cmdline{argv[:i], argv[i : i+1], argv[i+1:]}, nil
		case strings.HasPrefix(a, "--check-hash-based-pycs"):
			i++
			continue
		case a == "-" || !strings.HasPrefix(a, "-"):
			if a == "-" {
				return cmdline{}, errNoScript
			}
			return cmdline{argv[:i], argv[i : i+1], argv[i+1:]}, nil
		}
		for j := 1; j < len(a); j++ {
			c := a[j]
			if c != 'c' && c != 'm' && c != 'W' && c != 'X' {
				continue
			}
			value, next := a[j+1:], i+1
			if value == "" {
				if next >= len(argv) {
					return cmdline{}, errNoScript
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
			return cmdline{interp, []string{"-" + string(c), value}, argv[next:]}, nil
		}
	}
	return cmdline{}, errNoScript
}

var errNoScript = fmt.Errorf("the process runs no script, module or command of its own; it reads its program from standard input")

// hasOption says whether the interpreter was given a one-letter option.
func (c *cmdline) hasOption(letter byte) bool {
	for i := 1; i < len(c.interp); i++ {
		a := c.interp[i]
		if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") {
			if a[1:] == "X" || a[1:] == "W" {
				i++
				continue
			}
			if a[1] != 'X' && a[1] != 'W' && strings.IndexByte(a[1:], letter) >= 0 {
				return true
			}
		}
	}
	return false
}

// path0 is what the command put at the start of sys.path.
func (c *cmdline) path0(cwd string) string {
	switch c.what[0] {
	case "-c":
		return ""
	case "-m":
		return cwd
	}
	p := c.what[0]
	if !filepath.IsAbs(p) {
		p = filepath.Join(cwd, p)
	}
	if real, err := filepath.EvalSymlinks(p); err == nil {
		p = real
	}
	return filepath.Dir(p)
}

// readStrings reads a file of NUL-terminated strings.
func readStrings(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), nil
}
