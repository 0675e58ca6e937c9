package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"pyfreeze/restore/captured"
	"pyfreeze/restore/freeze"
)

// capturedOptions say which captured values are shown, and how.
type capturedOptions struct {
	all    bool // those that may be words of the program, too
	values bool
	json   bool
}

// showCaptured lists the captured values of an image.
func showCaptured(w io.Writer, m *freeze.Meta, o capturedOptions) error {
	list, words := m.Captured, 0
	if list == nil {
		return errors.New("the image does not tell what was captured: it was made by a pyfreeze that did not look; take a new one")
	}
	if !o.all {
		list, words = likely(list)
	}
	if !o.values {
		list = withoutValues(list)
	}
	if o.json {
		return json.NewEncoder(w).Encode(map[string]any{"captured": list, "literals": words})
	}
	capturedLines(w, "", list)
	if len(list) == 0 {
		fmt.Fprintln(w, "nothing captured")
	}
	if words > 0 {
		fmt.Fprintf(w, "%d more are words of the program's own source, too: --all\n", words)
	}
	return nil
}

// likely leaves out what may be words of the program, and counts them.
func likely(list []captured.Value) (_ []captured.Value, words int) {
	out := []captured.Value{}
	for _, c := range list {
		if c.Literal {
			words++
		} else {
			out = append(out, c)
		}
	}
	return out, words
}

// withoutValues drops the values, which may be secret.
func withoutValues(list []captured.Value) []captured.Value {
	out := []captured.Value{}
	for _, c := range list {
		c.Value = ""
		out = append(out, c)
	}
	return out
}

func capturedLines(w io.Writer, indent string, list []captured.Value) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, c := range list {
		what := printable(c.What)
		if c.Below {
			what += "/..."
		}
		line := indent + what + "\t" + printable(c.Path) + "\t" + printable(c.Type)
		if c.Value != "" {
			line += fmt.Sprintf("\t%q", c.Value)
		}
		fmt.Fprintln(tw, line)
	}
	_ = tw.Flush()
}

// capturedSummary is the part of attach's summary about captured values.
func capturedSummary(w io.Writer, path string, m *freeze.Meta) {
	const shown = 10
	list, _ := likely(m.Captured)
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "  captured of its start, the same in every thaw unless a recipe repairs it:")
	capturedLines(w, "    ", withoutValues(list[:min(shown, len(list))]))
	if n := len(list) - shown; n > 0 {
		fmt.Fprintf(w, "    ... %d more: pyfreeze info --captured %s\n", n, path)
	}
}

// printMeta writes all that an image tells of itself as JSON.
func printMeta(m *freeze.Meta, values bool) error {
	c := *m
	if !values {
		c.Captured, c.Behind = withoutValues(c.Captured), c.Behind.WithoutValues()
	}
	return json.NewEncoder(os.Stdout).Encode(&c)
}
