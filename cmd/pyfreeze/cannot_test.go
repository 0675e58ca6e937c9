package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pyfreeze/restore/freeze"
	"pyfreeze/restore/refuse"
)

// A reason is told to stand against what a thaw does not do, never against what it does.
func TestWhatCannot(t *testing.T) {
	for runs, want := range map[string]string{"runs again": "it cannot go on: ",
		"goes on": "it cannot run again: "} {
		m := &freeze.Meta{Runs: []string{runs}, Refused: []refuse.Offender{{What: "x holds y"}}}
		var b bytes.Buffer
		summary(&b, "image", m, time.Second)
		if n := strings.Count(b.String(), "it cannot "); n != 1 || !strings.Contains(b.String(), want) {
			t.Errorf("of an image that %s: %s", runs, b.String())
		}
	}
}
