package freeze

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	no := func(what string) error {
		return &refuse.Error{Offenders: []refuse.Offender{{
			What: what + g.Words[0], Remedy: "give the command of the interpreter itself"}}}
	}
	if g.Dir != f.start.Cwd {
		return no("a wrapper that starts it in another directory: ")
	}
	args := f.cmd.Args
	if f.o.Reads != nil && f.byShell() && usesArguments(g) {
		return no("a wrapper that looks at its arguments, or its process id: ")
	}
	n := 0 // arguments that the wrapper passes on
	for n < len(args) && n < len(g.Words)-1 && args[len(args)-1-n] == g.Words[len(g.Words)-1-n] {
		n++
	}
	if n == 0 && len(g.Words) > 1 && len(args) > 0 && !isWord(g.Wrappers[0], "env") {
		return no("a wrapper that changes the arguments: ")
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

// perhaps are uses of its arguments, or of its process id, in a script of a shell, but for passing
// all on as they are.
var perhaps = regexp.MustCompile(`\$[1-9#*$!]|\$\{[1-9#*@$!]|\bshift\b|\bgetopts\b|\bset --|PPID|RANDOM|SECONDS`)

// usesArguments says whether a wrapper may do something else with other arguments.
func usesArguments(g *Given) bool {
	for _, word := range g.Words {
		if perhaps.MatchString(word) {
			return true // sh -c
		}
	}
	text, err := os.ReadFile(g.Path)
	return err != nil || bytes.HasPrefix(text, []byte("#!")) && perhaps.Match(text)
}

// byShell says whether something else than env is among the wrappers.
func (f *freezing) byShell() bool {
	return slices.ContainsFunc(f.o.Given.Wrappers, func(w string) bool { return !isWord(w, "env") })
}

func isWord(path, name string) bool { return filepath.Base(path) == name }

// script returns the words behind the interpreter's, up to the user's.
func (f *freezing) script() []string { return slices.Concat(f.plain.What, f.added) }

// variablesOfWrapper are those that a wrapper may have looked at: of env, PATH alone.
func (f *freezing) variablesOfWrapper() []string {
	if len(f.plainly) == 0 || f.o.Again {
		return nil
	}
	if f.byShell() {
		return []string{"*"}
	}
	return []string{"PATH"}
}

// ofShell says whether a shell sets a variable for whatever it executes.
func ofShell(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	return guard.OfShell(name)
}
