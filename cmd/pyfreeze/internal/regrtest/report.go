package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// column is one interpreter's modules.
type column struct {
	interpreter interpreter
	cells       map[string]*comparison
}

// report is the table.
type report struct {
	modules []string
	columns []column
}

// good says that nothing differs but what is explained, and that all that is explained differs.
func (r *report) good() bool {
	for _, c := range r.columns {
		for _, cell := range c.cells {
			if len(cell.differ)+len(cell.stale) > 0 {
				return false
			}
		}
	}
	return true
}

// cell is `passed/skipped/failed` of the plain interpreter, and what the thawed one gives where that is something else.
func (c *comparison) cell() string {
	if c == nil {
		return "-"
	}
	counts := func(side string) string {
		n := c.count[side]
		return fmt.Sprintf("%d/%d/%d", n["passed"], n["skipped"], n["failed"]+n["error"])
	}
	text := counts(plain)
	if counts(thawed) != text {
		text += " | " + counts(thawed)
	}
	if len(c.differ) > 0 {
		text += " **differs**"
	}
	return text
}

// write prints the table and all that differs.
func (r *report) write(out io.Writer) {
	fmt.Fprint(out, "| module |")
	for _, c := range r.columns {
		fmt.Fprintf(out, " %s |", c.interpreter.title())
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---|", len(r.columns)))
	for _, m := range r.modules {
		fmt.Fprintf(out, "| %s |", m)
		for _, c := range r.columns {
			fmt.Fprintf(out, " %s |", strings.ReplaceAll(c.cells[m].cell(), " | ", " → "))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprint(out, "| all |")
	for _, c := range r.columns {
		tests := 0
		for _, cell := range c.cells {
			tests += cell.tests
		}
		fmt.Fprintf(out, " %d tests |", tests)
	}
	fmt.Fprintln(out)
	r.list(out, "Differences", func(c *comparison) []difference { return c.differ })
	r.list(out, "Differences that are explained", func(c *comparison) []difference { return c.explained })
	r.list(out, "Not the same in every try", func(c *comparison) []difference { return c.now })
	builds := map[string]bool{}
	for _, c := range r.columns {
		for _, m := range r.modules {
			if cell := c.cells[m]; cell != nil {
				for _, one := range cell.tries[thawed] {
					builds[one.Pyfreeze] = true
				}
				for _, e := range cell.stale {
					fmt.Fprintf(out, "\nNo difference any more, to be taken off the list: %s %s %s\n", c.interpreter.name, m, e.test)
				}
			}
		}
	}
	if len(builds) > 1 {
		fmt.Fprintf(out, "\nThe thaws are of %d builds of pyfreeze.\n", len(builds))
	}
}

func (r *report) list(out io.Writer, title string, of func(*comparison) []difference) {
	headed := false
	for _, c := range r.columns {
		for _, m := range r.modules {
			cell := c.cells[m]
			if cell == nil {
				continue
			}
			for _, d := range of(cell) {
				if !headed {
					headed = true
					fmt.Fprintf(out, "\n%s:\n\n", title)
				}
				fmt.Fprintf(out, "- %s `%s`", c.interpreter.name, d)
				if d.reason != "" {
					fmt.Fprintf(out, ": %s", d.reason)
				}
				fmt.Fprintln(out)
			}
		}
	}
}

func (in interpreter) title() string {
	switch in.name {
	case "debian":
		return "Debian " + in.version
	case "trixie", "sid":
		return in.name + " " + in.version
	}
	return in.version
}

// The table's place in the document.
const (
	tableBegin = "<!-- table -->\n"
	tableEnd   = "<!-- end of table -->\n"
)

// writeDocument puts the table between the marks of a document.
func (r *report) writeDocument(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(old), tableBegin)
	_, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the table: lines %q and %q", path, tableBegin, tableEnd)
	}
	var b bytes.Buffer
	b.WriteString(head + tableBegin + "\n")
	r.write(&b)
	b.WriteString("\n" + tableEnd + tail)
	return os.WriteFile(path, b.Bytes(), 0o644)
}
