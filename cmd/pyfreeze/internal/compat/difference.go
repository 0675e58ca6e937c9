package main

import (
	"fmt"
	"strings"
)

// difference tells the first thing in which two outcomes differ, "" if there is none.
func difference(plain, thawed *outcome) string {
	for _, c := range []struct{ what, was, is string }{{"ended", plain.status, thawed.status}, {"standard output", plain.stdout, thawed.stdout},
		{"standard error", plain.stderr, thawed.stderr}, {"files", plain.files, thawed.files}, {"requests", plain.requests, thawed.requests}} {
		if c.was == c.is {
			continue
		}
		was, is := strings.Split(c.was, "\n"), strings.Split(c.is, "\n")
		i := 0
		for i < len(was) && i < len(is) && was[i] == is[i] {
			i++
		}
		return fmt.Sprintf("%s, line %d:\n  plain  %q\n  thawed %q\n  standard error of the thaw: %q", c.what, i+1, shown(was, i), shown(is, i), shown([]string{thawed.stderr}, 0))
	}
	return ""
}

// shown gives a few lines from the i-th on, cut to what can be read.
func shown(lines []string, i int) (out []string) {
	const most, width = 3, 300
	for _, l := range lines[i:min(i+most, len(lines))] {
		out = append(out, l[:min(len(l), width)])
	}
	return out
}
