package main

import (
	"fmt"
	"io"
	"time"
)

// maxRatio is the most that a thawed hg may take, as a part of plain hg.
const maxRatio = 0.30

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func (t *table) print(out io.Writer) {
	empty := t.empty.median()
	fmt.Fprintf(out, "\nmilliseconds, medians of %d rounds in which all took turns\n\n", t.rounds)
	fmt.Fprintf(out, "%-18s %9s %9s %9s %14s %12s %16s\n", "command", "hg", "chg warm", "thawed", "thawed/hg", "thawed/chg", "thawed/python")
	for _, r := range t.rows {
		plain, chg, thawed := r.plain.median(), r.chg.median(), r.thawed.median()
		fmt.Fprintf(out, "%-18s %9s %9s %9s %14.2f %12.2f %16.2f\n", r.name, ms(plain), ms(chg), ms(thawed),
			ratio(thawed, plain), ratio(thawed, chg), ratio(thawed, empty))
	}
	fmt.Fprintf(out, "\npython3.11 -I -S -c pass: %s ms\n", ms(empty))
}

// verdict prints whether the goals are met: at most 0.3 of plain hg, and no longer than a warm chg.
func (t *table) verdict(out io.Writer) bool {
	met := true
	for _, r := range t.rows {
		if !r.goal {
			continue
		}
		plain, chg, thawed := r.plain.median(), r.chg.median(), r.thawed.median()
		ok := ratio(thawed, plain) <= maxRatio && thawed <= chg
		word := "met"
		if !ok {
			word, met = "MISSED", false
		}
		fmt.Fprintf(out, "goal %-6s %s thawed: %.2f of plain hg (at most %.2f), %.2f of warm chg (at most 1.00)\n",
			word, r.name, ratio(thawed, plain), maxRatio, ratio(thawed, chg))
	}
	return met
}
