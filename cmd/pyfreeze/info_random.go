package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"pyfreeze/restore/freeze"
)

// showRandom lists the generators of random numbers, and what becomes of each in a thaw.
func showRandom(out io.Writer, m *freeze.Meta, asJSON bool) error {
	if asJSON {
		return writeJSON(out, m.Random)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "generator\ttype\tin each thaw\t")
	for _, g := range m.Random {
		numbers := "the same numbers"
		if g.Fresh {
			numbers = "other numbers"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(g.Path), printable(g.Type), numbers, printable(g.Why))
	}
	return w.Flush()
}
