package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// measured are the hg commands in the table; the goals of the project are about the ones marked.
var measured = []struct {
	args []string
	goal bool
}{
	{[]string{"version", "-q"}, true},
	{[]string{"status"}, true},
	{[]string{"root"}, false},
	{[]string{"log", "-l1"}, false},
	{[]string{"id"}, false},
	{[]string{"diff", "-c", "tip"}, false},
}

// row holds the wall times of one hg command under each contender.
type row struct {
	name               string
	goal               bool
	plain, chg, thawed samples
}

type table struct {
	rows []row
	// empty is `python3.11 -I -S -c pass`: what a Python that does nothing costs.
	empty  samples
	rounds int
}

type samples []time.Duration

func (s samples) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[len(sorted)/2]
}

// measure times every command under every contender. All take turns within each round, so that a
// noisy moment of the machine hits all alike; the first, unmeasured round warms caches and starts
// chg's server.
func (w *workspace) measure(rounds int) (*table, error) {
	t := &table{rounds: rounds}
	for _, m := range measured {
		t.rows = append(t.rows, row{name: "hg " + strings.Join(m.args, " "), goal: m.goal})
	}
	for round := range rounds + 1 {
		for i, m := range measured {
			r := &t.rows[i]
			turns := []struct {
				into *samples
				argv []string
			}{
				{&r.plain, append([]string{hgPath}, m.args...)},
				{&r.chg, append([]string{chgPath}, m.args...)},
				{&r.thawed, append([]string{w.pyfreeze, "run", w.image}, m.args...)},
				{&t.empty, []string{pythonPath, "-I", "-S", "-c", "pass"}},
			}
			// Rotate who goes first: what runs after a heavy command finds cold caches.
			for k := range turns {
				turn := turns[(k+round)%len(turns)]
				took, err := w.time(turn.argv)
				if err != nil {
					return nil, err
				}
				if round > 0 {
					*turn.into = append(*turn.into, took)
				}
			}
		}
	}
	return t, nil
}

// time runs one command with its output thrown away and returns its wall time.
func (w *workspace) time(argv []string) (time.Duration, error) {
	cmd := w.command(w.repo, argv...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	cmd.Stdin, cmd.Stdout = null, null
	start := time.Now()
	err = cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%v: %w: %s", argv, err, stderr.String())
	}
	return took, nil
}
