package freeze

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/refuse"
)

// A wrapper is a program that executes the interpreter: env, or a script of a shell, which sets
// variables and adds arguments. What it did before is the same in a thaw: its variables are set
// again as those are that the program sets itself, and its arguments stay. The plain command is
// the wrapper.

// readWrapper finds out what a wrapper did to the command.
func (f *freezing) readWrapper() error {
	g := f.o.Given
	if g == nil || len(g.Wrappers) == 0 {
		return nil
	}
	no := func(what, remedy string) error {
		return &refuse.Error{Offenders: []refuse.Offender{{What: what, Remedy: remedy}}}
	}
	const itself = "give the command of the interpreter itself"
	if g.Dir != f.start.Cwd {
		return no("a wrapper that starts it in another directory: "+g.Words[0], itself)
	}
	args := f.cmd.Args
	n := 0 // arguments that the wrapper passes on
	for n < len(args) && n < len(g.Words)-1 && args[len(args)-1-n] == g.Words[len(g.Words)-1-n] {
		n++
	}
	if n == 0 && len(g.Words) > 1 && len(args) > 0 && !isWord(g.Wrappers[0], "env") {
		return no("a wrapper that changes the arguments: "+g.Words[0], itself)
	}
	path, err := exec.LookPath(g.Path)
	if err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	f.plainly = append([]string{path}, g.Words[:len(g.Words)-n]...)
	f.added = args[:len(args)-n]
	f.start.Environ = slices.Concat(g.Environ)
	return nil
}

func isWord(path, name string) bool { return filepath.Base(path) == name }

// script returns the words behind the interpreter's, up to the user's.
func (f *freezing) script() []string { return slices.Concat(f.plain.What, f.added) }

// variablesOfWrapper are those that a wrapper may have looked at: of env, PATH alone.
func (f *freezing) variablesOfWrapper() []string {
	if len(f.plainly) == 0 || f.o.Again {
		return nil
	}
	for _, w := range f.o.Given.Wrappers {
		if !isWord(w, "env") {
			return []string{"*"}
		}
	}
	return []string{"PATH"}
}

// ofShell says whether a shell sets a variable for whatever it executes.
func ofShell(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	return guard.OfShell(name)
}
