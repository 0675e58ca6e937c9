package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"pyfreeze/restore/freeze"
)

// showOpaque prints what of an image is not understood: memory that is read conservatively.
func showOpaque(w io.Writer, m *freeze.Meta, asJSON bool) error {
	o := &m.Opaque
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			Opaque *freeze.OpaqueMemory `json:"opaque"`
		}{o})
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(tw, "live memory\t%s, of it %.2f %% opaque\n", size(o.Live), 100*float64(o.Opaque+o.Unreached)/float64(max(o.Live, 1)))
	fmt.Fprintf(tw, "read conservatively\t%d bytes\n", o.Opaque)
	fmt.Fprintf(tw, "not reached\t%d bytes\n", o.Unreached)
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(o.Owners) > 0 {
		fmt.Fprintf(w, "\n%9s %8s  %-18s  %s\n", "bytes", "blocks", "first at", "opaque memory of")
	}
	for _, x := range o.Owners {
		fmt.Fprintf(w, "%9d %8d  %-18v  %s\n", x.Bytes, x.Blocks, x.Example, x.Name)
	}
	return nil
}
