package pythons

import (
	"fmt"
	"os"
	"path/filepath"
)

// Interpreter is one that is there, or why it is not.
type Interpreter struct {
	Name   string // whose it is: "pyenv 3.12", "Debian sid"
	Root   string // of its tree; "" for this system
	Path   string // in its tree
	Absent string // why it is not there; "" if it is
}

// Here gives the interpreters of this system.
func Here() []Interpreter {
	var out []Interpreter
	for _, path := range []string{"/usr/bin/python3.11", "/usr/bin/python3.11d"} {
		in := Interpreter{Name: filepath.Base(path), Path: path}
		if _, err := os.Stat(path); err != nil {
			in.Absent = "not installed"
		}
		out = append(out, in)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return out
	}
	for minor := 8; minor <= 15; minor++ {
		in := Interpreter{Name: fmt.Sprintf("pyenv 3.%d", minor), Absent: "not in ~/.pyenv/versions"}
		found, _ := filepath.Glob(fmt.Sprintf("%s/.pyenv/versions/3.%d.*/bin/python3", home, minor)) // the pattern is fine
		if len(found) > 0 {
			in.Path, in.Absent = found[0], ""
		}
		out = append(out, in)
	}
	return out
}
