// Command matrix freezes and thaws every interpreter that it finds or can get, and prints a table of what works: Debian's own and its debug
// build, pyenv's, and those of newer Debians in trees that debootstrap makes.
//
//	matrix -pyfreeze bin/pyfreeze            all
//	matrix -pyfreeze bin/pyfreeze -trees ""  without trees (no root, no network)
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// interpreter is one row.
type interpreter struct {
	name string
	root string // of its tree; "" for this system
	path string // in its tree
	why  string // it is absent; "" if it is there
}

func main() {
	pyfreeze := flag.String("pyfreeze", "bin/pyfreeze", "the `binary` to test")
	trees := flag.String("trees", "/var/cache/pyfreeze-test/trees", "`directory` for trees of other Debians; empty: none")
	scripts := flag.String("scripts", "testdata/python", "`directory` of the programs to freeze")
	thaws := flag.Int("thaws", 1000, "how many `thaws` in a row")
	flag.Parse()
	good, err := run(*pyfreeze, *trees, *scripts, *thaws)
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

func run(pyfreeze, trees, scripts string, thaws int) (good bool, err error) {
	all := here()
	if trees != "" {
		more, undo := inTrees(trees)
		defer undo()
		all = append(all, more...)
	}
	rows := [][]string{append([]string{"interpreter"}, columns...)}
	good = true
	for _, in := range all {
		if in.why != "" {
			rows = append(rows, []string{in.name, "absent: " + in.why})
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", in.name)
		b, err := newBench(in, pyfreeze, scripts)
		if err != nil {
			return false, err
		}
		row := []string{in.name + " " + b.version}
		for _, c := range columns {
			text, err := b.cell(c, thaws)
			if err != nil {
				good = false
				text = "FAILS"
				fmt.Fprintf(os.Stderr, "%s, %s: %v\n", in.name, c, err)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
		b.close()
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return good, w.Flush()
}

// here gives the interpreters of this system.
func here() []interpreter {
	var out []interpreter
	for _, path := range []string{"/usr/bin/python3.11", "/usr/bin/python3.11d"} {
		in := interpreter{name: filepath.Base(path), path: path}
		if _, err := os.Stat(path); err != nil {
			in.why = "not installed"
		}
		out = append(out, in)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return out
	}
	for minor := 8; minor <= 14; minor++ {
		in := interpreter{name: fmt.Sprintf("pyenv 3.%d", minor), why: "not in ~/.pyenv/versions"}
		found, _ := filepath.Glob(fmt.Sprintf("%s/.pyenv/versions/3.%d.*/bin/python3", home, minor)) // the pattern is fine
		if len(found) > 0 {
			in.path, in.why = found[0], ""
		}
		out = append(out, in)
	}
	return out
}
