// Command matrix freezes and thaws every interpreter that it finds or can get, and prints a table of what works: Debian's own and its debug
// build, pyenv's, and those of newer Debians in trees that debootstrap makes.
//
//	matrix -pyfreeze bin/pyfreeze            all
//	matrix -pyfreeze bin/pyfreeze -trees ""  without trees (no root, no network)
//	matrix -pyfreeze bin/pyfreeze -stripped  with all debug information hidden (root)
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"pyfreeze/cmd/pyfreeze/internal/pythons"
)

func main() {
	pyfreeze := flag.String("pyfreeze", "bin/pyfreeze", "the `binary` to test")
	trees := flag.String("trees", "/var/cache/pyfreeze-test/trees", "`directory` for trees of other Debians; empty: none")
	scripts := flag.String("scripts", "testdata/python", "`directory` of the programs to freeze")
	thaws := flag.Int("thaws", 1000, "how many `thaws` in a row")
	stripped := flag.Bool("stripped", false, "hide all debug information")
	only := flag.String("only", "", "try the interpreters only whose name contains this `word`")
	hidden := flag.Bool("hidden", false, "this process may hide it: it has a mount namespace of its own")
	flag.Parse()
	var good bool
	var err error
	if *stripped && !*hidden {
		good, err = again()
	} else {
		good, err = run(*pyfreeze, *trees, *scripts, *only, *thaws, *hidden)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

func run(pyfreeze, trees, scripts, only string, thaws int, hidden bool) (good bool, err error) {
	all := pythons.Here()
	if strings.Contains("static PIE", only) || strings.Contains(only, "PIE") {
		pies, err := staticPIEs(all)
		if err != nil {
			return false, err
		}
		defer pies.remove()
		all = append(all, pies.made...)
	}
	if trees != "" {
		more, undo := pythons.InTrees(trees, only)
		defer undo()
		all = append(all, more...)
	}
	rows := [][]string{append([]string{"interpreter"}, columns...)}
	good = true
	for _, in := range all {
		if !strings.Contains(in.Name, only) {
			continue
		}
		if in.Absent != "" {
			rows = append(rows, []string{in.Name, "absent: " + in.Absent})
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", in.Name)
		if hidden {
			if err := hide(in); err != nil {
				return false, err
			}
		}
		for _, t := range inWays(in) {
			if hidden {
				t.in.Name += ", stripped"
			}
			row, err := tried(t, pyfreeze, scripts, thaws)
			if err != nil {
				return false, err
			}
			good = good && !slices.Contains(row, fails)
			rows = append(rows, row)
			fmt.Fprintln(os.Stderr, strings.Join(row, "  ")) // the table comes at the end
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return good, w.Flush()
}

// fails is what a cell says that does.
const fails = "FAILS"

// tried makes the row of an interpreter.
func tried(t trial, pyfreeze, scripts string, thaws int) (row []string, err error) {
	b, err := newBench(t, pyfreeze, scripts)
	if err != nil {
		return nil, err
	}
	defer b.close()
	row = []string{t.in.Name + " " + b.version}
	for _, c := range columns {
		text, err := b.cell(c, thaws)
		if err != nil {
			text = fails
			fmt.Fprintf(os.Stderr, "%s, %s: %v\n", t.in.Name, c, err)
		}
		row = append(row, text)
	}
	return row, nil
}
