package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// readList reads one case a line; `#` at the start of a line begins a comment (a case's own name may
// have a `#`, as in test-status.t#dirstate-v2).
func readList(in io.Reader) ([]string, error) {
	var cases []string
	seen := make(map[string]bool)
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		name := strings.TrimSpace(lines.Text())
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if strings.ContainsAny(name, " \t/") || !strings.HasPrefix(name, "test-") {
			return nil, fmt.Errorf("line %d: %q is not the name of a case", n, name)
		}
		if seen[name] {
			return nil, fmt.Errorf("line %d: %s stands there twice", n, name)
		}
		seen[name] = true
		cases = append(cases, name)
	}
	return cases, lines.Err()
}
