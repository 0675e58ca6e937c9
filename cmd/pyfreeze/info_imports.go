package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"pyfreeze/restore/freeze"
	"pyfreeze/restore/script"
)

// showImports lists what the program imported after its point, and what the image has of it.
func showImports(out io.Writer, m *freeze.Meta, asJSON bool) error {
	list := m.Learned
	if asJSON {
		if list == nil {
			list = []script.Module{}
		}
		return writeJSON(out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "nothing is known that the program imports after its point")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "module\tfile\tits code")
	for _, l := range list {
		has := "in the image"
		if l.Why != "" {
			has = "is read: " + l.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", printable(l.Name), printable(l.File), has)
	}
	return w.Flush()
}

// importsLater says how much the program imports after its point; "" where that is not known.
func importsLater(m *freeze.Meta) string {
	n, read := len(m.Learned), 0
	for _, l := range m.Learned {
		if l.Why != "" {
			read++
		}
	}
	what := fmt.Sprintf("it imported %d modules", n)
	if n == 1 {
		what = "it imported 1 module"
	}
	switch {
	case n == 0:
		return ""
	case read == 0:
		return what + ", whose code is in the image"
	}
	return fmt.Sprintf("%s; the code of %d is in the image (info --imports)", what, n-read)
}
