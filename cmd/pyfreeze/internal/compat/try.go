package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Verdicts of a row.
const (
	works     = "works"
	refuses   = "refused"
	fallsBack = "falls back"
	wrong     = "wrong"
)

// row is what came of one program.
type row struct {
	p             *program
	version       string
	verdict, why  string
	plain, thawed time.Duration // means of the cases' medians
}

// good says whether the row is what the table promises.
func (r *row) good() bool {
	if r.p.refused != "" {
		return r.verdict == refuses && strings.Contains(r.why, r.p.refused)
	}
	return r.verdict == works
}

// try freezes a program and compares its cases, so many times each; plain and thawed runs take turns.
func (b *bench) try(ctx context.Context, rounds int) (row, error) {
	r := row{p: b.p, verdict: works}
	command, _ := split(b.p.command)
	if err := b.fresh(ctx); err != nil {
		return r, err
	}
	if !b.p.inPlace {
		if err := b.elsewhere(); err != nil {
			return r, err
		}
	}
	words, stdin := split(b.fill(b.p.warm))
	argv := slices.Concat([]string{b.pyfreeze, "freeze", "-o", b.image}, b.p.freeze, []string{"--"}, command, words)
	o, err := b.run(ctx, argv, stdin)
	if err != nil {
		return r, err
	}
	b.work = filepath.Join(b.place, "work")
	switch o.status {
	case "exit status 0":
	case "exit status 6":
		r.verdict, r.why = refuses, reason(o.stderr)
		return r, nil
	default:
		return r, fmt.Errorf("%s: freeze: %s: %s", b.p.name, o.status, o.stderr)
	}
	for _, line := range b.p.cases {
		var plain, thawed []time.Duration
		for range rounds {
			was, err := b.compared(ctx, command, line)
			if err != nil {
				return r, err
			}
			if err := os.RemoveAll(b.log); err != nil {
				return r, err
			}
			is, err := b.compared(ctx, []string{b.pyfreeze, "run", b.image}, line)
			if err != nil {
				return r, err
			}
			if d := difference(&was, &is); d != "" {
				r.verdict, r.why = wrong, fmt.Sprintf("%s %s: %s", b.p.name, line, d)
				return r, nil
			}
			if log, err := os.ReadFile(b.log); err != nil || strings.Count(string(log), `"thawed":true`) == 0 || strings.Contains(string(log), `"thawed":false`) {
				r.verdict, r.why = fallsBack, fmt.Sprintf("%s %s: %s", b.p.name, line, log)
				return r, nil
			}
			plain, thawed = append(plain, was.took), append(thawed, is.took)
		}
		r.plain += median(plain) / time.Duration(len(b.p.cases))
		r.thawed += median(thawed) / time.Duration(len(b.p.cases))
	}
	return r, nil
}

// reason gives what pyfreeze said.
func reason(stderr string) string {
	_, after, ok := strings.Cut(stderr, "pyfreeze: cannot freeze")
	if !ok {
		return strings.TrimSpace(stderr)
	}
	return strings.TrimSpace("cannot freeze" + after)
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

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
