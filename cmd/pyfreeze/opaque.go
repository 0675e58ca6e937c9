package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"pyfreeze/restore"
)

// showOpaque prints what of an image is not understood: memory read conservatively, and words that are taken for
// pointers because they look like some.
func showOpaque(w io.Writer, m *restore.Meta, asJSON bool) error {
	o := &m.Opaque
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			Opaque      *restore.OpaqueMemory `json:"opaque"`
			Relocations int                   `json:"relocations"`
			Known       map[string]int        `json:"known"`
			Guessed     int                   `json:"guessed"`
			Guesses     []restore.Guess       `json:"guesses"`
		}{o, m.Relocations, m.Known, m.Guessed, m.Guesses})
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(tw, "live memory\t%s, of it %.2f %% opaque\n", size(o.Live), 100*float64(o.Opaque+o.Unreached)/float64(max(o.Live, 1)))
	fmt.Fprintf(tw, "read conservatively\t%d bytes\n", o.Opaque)
	fmt.Fprintf(tw, "not reached\t%d bytes\n", o.Unreached)
	fmt.Fprintf(tw, "relocations\t%d words", m.Relocations+m.Filtered)
	for _, how := range slices.Sorted(maps.Keys(m.Known)) {
		fmt.Fprintf(tw, ", %d by %s", m.Known[how], how)
	}
	fmt.Fprintf(tw, ", %d guessed\n", m.Guessed)
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(o.Owners) > 0 {
		fmt.Fprintf(w, "\n%9s %8s  %-18s  %s\n", "bytes", "blocks", "first at", "opaque memory of")
	}
	for _, x := range o.Owners {
		fmt.Fprintf(w, "%9d %8d  %-18v  %s\n", x.Bytes, x.Blocks, x.Example, x.Name)
	}
	if len(m.Guesses) > 0 {
		fmt.Fprintf(w, "\n%-18s  %-18s  %-40s  %s\n", "guessed pointer", "value", "to", "part of")
	}
	for _, g := range m.Guesses {
		fmt.Fprintf(w, "%#-18x  %#-18x  %-40s  %s\n", g.Addr, g.Value, g.To, g.Owner)
	}
	if n := m.Guessed - len(m.Guesses); n > 0 {
		fmt.Fprintf(w, "... %d more\n", n)
	}
	return nil
}
