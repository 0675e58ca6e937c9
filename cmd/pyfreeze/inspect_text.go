package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// printable makes text that comes from a target fit for a terminal: what is no printable character is
// written as an escape, so that no name can move the cursor or fake a line.
func printable(s string) string {
	clean := true
	for _, c := range s {
		clean = clean && strconv.IsPrint(c)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case strconv.IsPrint(c):
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	return b.String()
}

// writeJSON prints a value so that it can go to a terminal, too: no characters but printable ones.
func writeJSON(w io.Writer, value any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err
	}
	out := make([]byte, 0, b.Len())
	for _, c := range b.String() {
		switch {
		case c == '\n', strconv.IsPrint(c):
			out = utf8.AppendRune(out, c)
		case c < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			high, low := utf16.EncodeRune(c)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	_, err := w.Write(out)
	return err
}

// cut shortens text to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(n-3, 0)]) + "..."
}

// hex is how addresses are written, in text and in JSON.
func hex[T ~uint64](a T) string { return "0x" + strconv.FormatUint(uint64(a), 16) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
