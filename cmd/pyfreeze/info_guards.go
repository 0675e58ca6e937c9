package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"pyfreeze/restore/freeze"
)

// showGuards lists what an image depends on, one a line.
func showGuards(w io.Writer, m *freeze.Meta, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(m.Guards)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range m.Guards {
		fmt.Fprintf(t, "%s\t%s\t%s\n", g.What, printable(g.Name), printable(g.Who))
	}
	return t.Flush()
}
