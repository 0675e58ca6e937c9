package main

import (
	"regexp"
	"slices"
	"strings"
)

// program is one row of the table: a program, how it is frozen, and what it is asked to do.
type program struct {
	name     string
	packages string // of Debian; the first one's version is in the table
	venv     string // the virtual environment that it is in, one of testdata/compat; "" for Debian's
	wheel    string // its package there
	stands   string // what it stands for
	// files are written, and prepare's commands run, in the directory that every run gets a fresh copy of.
	files   map[string]string
	prepare []string
	env     []string
	command string   // the program
	freeze  []string // flags of pyfreeze freeze
	warm    string   // arguments of the run that is frozen
	inPlace bool     // frozen in the directory where the cases run, as a project's own script; else also in another
	// cases are the arguments to compare: none is that of the warm-up. Words are split at spaces; "< FILE" gives standard input.
	cases []string
	// after are files of the working directory that are written after the freeze; these are the
	// cases to compare then.
	after      map[string]string
	afterCases []string
	// plugin is a package that is installed after the freeze; with upgrade, frozen once more with
	// it, and upgraded after that.
	plugin, upgrade map[string]string
	pluginCases     []string
	// noTerminal tells why it is not tried on a terminal, where it is not.
	noTerminal string
	// caches are directories of files that tell of times or of the order of sets: their names alone are compared.
	caches []string
	// varies is what differs between two plain runs as well, and is masked in what is compared.
	varies []*regexp.Regexp
	// refused is part of the reason why pyfreeze does not freeze it; "" for what must work.
	refused string
}

// all is the table: at least minWorking of them must work.
func all() ([]program, error) {
	out := slices.Concat(fast, checkers, builders, network, shells, science)
	more, err := described()
	return append(out, more...), err
}

// minWorking is how many programs must work.
const minWorking = 70

// split gives the words of a line, and the file of standard input.
func split(line string) (words []string, stdin string) {
	words = strings.Fields(line)
	if n := len(words); n > 1 && words[n-2] == "<" {
		return words[:n-2], words[n-1]
	}
	return words, ""
}

// Durations, which no two runs have in common.
var (
	seconds     = regexp.MustCompile(`\d+\.\d+ ?s(econds?)?\b`)
	isoTime     = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?`)
	hexAddress  = regexp.MustCompile(`0x[0-9a-f]{6,}`)
	randomNames = regexp.MustCompile(`tmp[a-z0-9_]{8}`)
)
