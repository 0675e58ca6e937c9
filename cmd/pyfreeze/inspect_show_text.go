package main

import (
	"fmt"
	"io"
	"strings"
)

const lineWidth = 100

// write prints an object at an indentation.
func (o *shownObject) write(w io.Writer, indent int) {
	pad := strings.Repeat(" ", indent)
	line := func(format string, a ...any) { fmt.Fprintf(w, "%s%s\n", pad, fmt.Sprintf(format, a...)) }
	refs := fmt.Sprintf("%d references", o.Refcount)
	if o.Immortal {
		refs = "immortal"
	}
	line("%s %s, %d bytes, %s", printable(o.Type), o.Addr, o.Size, refs)
	if indent == 0 && o.Repr != "" {
		line("  %s", printable(o.Repr))
	}
	for _, p := range o.Paths {
		line("path")
		line("  %s", printable(p))
	}
	for _, f := range o.Facts {
		line("%-18s %s", f.Name, printable(f.Value))
	}
	section := func(title string, refs []shownRef) {
		if len(refs) == 0 {
			return
		}
		line("%s", title)
		writeRefs(w, refs, indent+2)
	}
	section("attributes", o.Attrs)
	if o.Length != nil && len(o.Items) > 0 {
		section(fmt.Sprintf("items %d", *o.Length), o.Items)
	}
	section("locals", o.Locals)
	if len(o.Fields) > 0 {
		line("fields of the C struct")
		for i := range o.Fields {
			o.Fields[i].write(w, indent+2)
		}
	}
	if o.Exception != nil && (len(o.Exception.Frames) > 0 || o.Exception.Cause != nil || o.Exception.Context != nil) {
		line("traceback")
		o.Exception.write(w, pad)
	}
	if o.LeftOut > 0 {
		line("(%d more: --limit)", o.LeftOut)
	}
	if o.Referents != nil {
		line("refers to %d", len(*o.Referents))
		writeRefs(w, *o.Referents, indent+2)
	}
	if o.Referrers != nil {
		line("referred to by %d", len(*o.Referrers))
		writeRefs(w, *o.Referrers, indent+2)
	}
}

// writeRefs prints references in columns: name, address, type, repr.
func writeRefs(w io.Writer, refs []shownRef, indent int) {
	name, typ := 0, 0
	for _, r := range refs {
		name = max(name, len([]rune(printable(r.Name))))
		typ = max(typ, len([]rune(printable(shortType(r.Type)))))
	}
	name, typ = min(name, 28), min(typ, 30)
	pad := strings.Repeat(" ", indent)
	for _, r := range refs {
		head := fmt.Sprintf("%s%s  %-14s  %s  ", pad, padded(printable(r.Name), name), r.Addr, padded(cut(printable(shortType(r.Type)), typ), typ))
		if name == 0 {
			head = pad + strings.TrimLeft(head, " ")
		}
		room := max(lineWidth-len([]rune(head)), 30)
		fmt.Fprintf(w, "%s%s\n", head, cut(printable(r.Repr), room))
		if r.Path != "" {
			fmt.Fprintf(w, "%s    %s\n", pad, printable(r.Path))
		}
		if r.Object != nil {
			r.Object.write(w, indent+4)
		}
	}
}

// shortType leaves out the module of builtin types.
func shortType(t string) string { return strings.TrimPrefix(t, "builtins.") }

// padded makes text n characters wide, when it is not wider.
func padded(s string, n int) string {
	return s + strings.Repeat(" ", max(n-len([]rune(s)), 0))
}

// write prints a C value in columns: offset, size, type and name, value.
func (c *shownC) write(w io.Writer, indent int) {
	where := fmt.Sprintf("+%#x", c.Offset)
	sizes := fmt.Sprint(c.Size)
	if c.Bits > 0 {
		where += fmt.Sprintf(":%d", c.Shift)
		sizes = fmt.Sprintf(":%d", c.Bits)
	}
	head := fmt.Sprintf("%-9s %5s  %s%s %s", where, sizes, strings.Repeat(" ", indent), c.Type, c.Name)
	value := printable(c.Value)
	if c.About != "" {
		value += " " + printable(c.About)
	}
	if len(c.Parts) == 0 && c.LeftOut > 0 {
		value = fmt.Sprintf("{%d more}", c.LeftOut)
	}
	if value != "" {
		head = padded(head, 58) + " = " + value
	}
	fmt.Fprintln(w, strings.TrimRight(cut(head, 160), " "))
	for i := range c.Parts {
		c.Parts[i].write(w, indent+2)
	}
	if len(c.Parts) > 0 && c.LeftOut > 0 {
		fmt.Fprintf(w, "%16s  %s(%d more)\n", "", strings.Repeat(" ", indent+2), c.LeftOut)
	}
}
