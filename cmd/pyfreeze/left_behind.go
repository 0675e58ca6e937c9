package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"pyfreeze/restore/behind"
	"pyfreeze/restore/freeze"
)

// showLeftBehind lists what the run of an image has changed in its modules.
func showLeftBehind(w io.Writer, m *freeze.Meta, asJSON bool) error {
	r := m.Behind
	if r == nil {
		return errors.New("the image does not tell what its run left behind: a thaw goes on where it " +
			"was, or a recipe is for it, or an older pyfreeze made it")
	}
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	for _, e := range r.Entries {
		fmt.Fprintf(w, "%s  was %s  is %s\n", printable(e.Path), there(e.Was), there(e.Is))
	}
	switch {
	case len(r.Entries) == 0:
		fmt.Fprintln(w, "nothing left behind in modules")
	case r.Left > 0:
		fmt.Fprintf(w, "%d more\n", r.Left)
	}
	if r.Uncertain {
		fmt.Fprintln(w, "late imports were not followed: freeze with --left-behind")
	}
	return nil
}

// there writes a value, or that there is none.
func there(value string) string {
	if value == "" {
		return "not there"
	}
	return printable(value)
}

// leftBehindSummary is the part of a freeze's summary about it: paths alone, values may be secret.
func leftBehindSummary(w io.Writer, path string, m *freeze.Meta) {
	const shown = 5
	if m.Behind == nil || len(m.Behind.Entries) == 0 && !m.Behind.Uncertain {
		return
	}
	fmt.Fprintln(w, "  the run left behind, for the next one on its heap:")
	list := m.Behind.Entries
	for _, e := range list[:min(shown, len(list))] {
		fmt.Fprintf(w, "    %s%s\n", printable(e.Path), how(e))
	}
	if n := len(list) - shown + m.Behind.Left; n > 0 {
		fmt.Fprintf(w, "    ... %d more: pyfreeze info --left-behind %s\n", n, path)
	}
	if m.Behind.Uncertain {
		fmt.Fprintln(w, "    late imports were not followed: freeze with --left-behind")
	}
}

// how says what has become of a place.
func how(e behind.Entry) string {
	switch {
	case e.Was == "":
		return ", new"
	case e.Is == "":
		return ", gone"
	}
	return ""
}
