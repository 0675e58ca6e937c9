package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// report compares the sides over the chosen cases.
type report struct {
	head  string
	sides []side
	rows  []row
	quick bool // plain hg was not asked where the other passes
}

// row is one case: a record for each side, nil where there is no result yet.
type row struct {
	name string
	by   []*record
}

func newReport(version string, user account, sides []side, cases []string, st *state) *report {
	r := &report{sides: sides, head: fmt.Sprintf("mercurial %s, %d cases, run by user %d", version, len(cases), user.id)}
	for _, c := range cases {
		line := row{name: c}
		for _, s := range sides {
			if got, found := st.get(s, c); found {
				line.by = append(line.by, &got)
			} else {
				line.by = append(line.by, nil)
			}
		}
		r.rows = append(r.rows, line)
	}
	return r
}

func (l row) whole() bool { return !slices.Contains(l.by, nil) }

// passed says whether the case passes with the last side.
func (l row) passed() bool {
	last := l.by[len(l.by)-1]
	return last != nil && last.Result == passed
}

// off tells that the case says something against the last side: it gives another result than plain hg or,
// where plain hg is alone, fails.
func (l row) off() bool {
	if !l.whole() {
		return false
	}
	last := l.by[len(l.by)-1]
	if len(l.by) == 1 {
		return last.Result == failed
	}
	return last.Result != l.by[0].Result || last.Result == skipped && last.Detail != l.by[0].Detail
}

// differs tells whether a kept result is worth another try: off, or a failure of any side.
func differs(st *state, sides []side, name string) bool {
	l := newReport("", account{}, sides, []string{name}, st).rows[0]
	return l.off() || slices.ContainsFunc(l.by, func(r *record) bool { return r != nil && r.Result == failed })
}

// enough is the part of a launcher's invocations that must be thawed.
const enough = 0.95

// good says that all cases ran, none is off, and that a launcher's invocations were thawed.
func (r *report) good() bool {
	for i, s := range r.sides {
		if sum, _, _ := r.log(i); s.logs && float64(sum.Thawed) < enough*float64(sum.invocations()) {
			return false
		}
	}
	return !slices.ContainsFunc(r.rows, func(l row) bool { return !l.whole() && !(r.quick && l.passed()) || l.off() })
}

// log sums up the logs of side i. silent of the cases that ran have none.
func (r *report) log(i int) (sum tally, ran, silent int) {
	for _, l := range r.rows {
		switch got := l.by[i]; {
		case got == nil || got.Result == skipped:
		case got.Log == nil:
			ran, silent = ran+1, silent+1
		default:
			ran++
			sum.add(got.Log, l.name)
		}
	}
	return sum, ran, silent
}

// table prints every case.
func (r *report) table(out io.Writer) {
	fmt.Fprintf(out, "%s\n\n%-50s", r.head, "case")
	for _, s := range r.sides {
		fmt.Fprintf(out, " %-8s %7s %7s", s.name, "wall s", "cpu s")
	}
	fmt.Fprintln(out)
	for _, l := range r.rows {
		fmt.Fprintf(out, "%-50s", l.name)
		for _, got := range l.by {
			if got == nil {
				fmt.Fprintf(out, " %-8s %7s %7s", "-", "", "")
				continue
			}
			fmt.Fprintf(out, " %-8s %7.1f %7.1f", got.Result, got.Seconds, got.CPU)
		}
		if l.off() {
			fmt.Fprint(out, "  <--")
		}
		fmt.Fprintln(out)
	}
}

// summary prints the counts, the times, every difference by name, and what the launcher's log says.
func (r *report) summary(out io.Writer) {
	fmt.Fprintf(out, "\n%s\n", r.head)
	for i, s := range r.sides {
		count := make(map[string]int)
		for _, l := range r.rows {
			if l.by[i] != nil {
				count[l.by[i].Result]++
			}
		}
		fmt.Fprintf(out, "%-6s %4d passed, %d skipped, %d failed, %d not run   (%s)\n", s.name, count[passed], count[skipped],
			count[failed], len(r.rows)-count[passed]-count[skipped]-count[failed], s.path)
	}
	r.times(out)
	r.differences(out)
	for i, s := range r.sides {
		if s.logs {
			r.invocations(out, i)
		}
	}
}

// times compares over the cases that passed with all sides: the others do not do the same work.
func (r *report) times(out io.Writer) {
	wall, cpu := make([]float64, len(r.sides)), make([]float64, len(r.sides))
	n := 0
	for _, l := range r.rows {
		if slices.ContainsFunc(l.by, func(got *record) bool { return got == nil || got.Result != passed }) {
			continue
		}
		n++
		for i, got := range l.by {
			wall[i] += got.Seconds
			cpu[i] += got.CPU
		}
	}
	fmt.Fprintf(out, "\ntime of the %d cases that passed everywhere:\n", n)
	for i, s := range r.sides {
		fmt.Fprintf(out, "%-6s wall %8.1f s   cpu %8.1f s", s.name, wall[i], cpu[i])
		if i > 0 && wall[0] > 0 && cpu[0] > 0 {
			fmt.Fprintf(out, "   %.2f and %.2f of plain", wall[i]/wall[0], cpu[i]/cpu[0])
		}
		fmt.Fprintln(out)
	}
}

func (r *report) differences(out io.Writer) {
	found := 0
	for _, l := range r.rows {
		if !l.off() {
			continue
		}
		found++
		fmt.Fprintf(out, "\nDIFFERS %s:", l.name)
		if len(l.by) == 1 {
			fmt.Fprint(out, " fails with")
		}
		for i, got := range l.by {
			fmt.Fprintf(out, " %s %s", r.sides[i].name, got.Result)
		}
		fmt.Fprintln(out)
		for i, got := range l.by {
			for line := range strings.Lines(got.Detail) {
				fmt.Fprintf(out, "    %s: %s\n", r.sides[i].name, strings.TrimRight(line, "\n"))
			}
		}
	}
	if len(r.sides) > 1 {
		fmt.Fprintf(out, "\ncases that differ from plain hg: %d\n", found)
	}
}

// invocations sums up the logs of side i.
func (r *report) invocations(out io.Writer, i int) {
	sum, ran, silent := r.log(i)
	all := sum.invocations()
	fmt.Fprintf(out, "\ninvocations in the launcher's log: %d; cases with none (not through hg, or it writes no log): %d of %d\n", all, silent, ran)
	if all > 0 {
		fmt.Fprintf(out, "%8d thawed, %.1f %%\n", sum.Thawed, 100*float64(sum.Thawed)/float64(all))
	}
	byCount := func(a, b string) int {
		return cmp.Or(cmp.Compare(sum.Plain[b].Count, sum.Plain[a].Count), cmp.Compare(a, b))
	}
	for _, why := range slices.SortedFunc(maps.Keys(sum.Plain), byCount) {
		f := sum.Plain[why]
		fmt.Fprintf(out, "%8d plain: %s", f.Count, why)
		if len(f.Example) > 0 {
			fmt.Fprintf(out, "   (first: %.100q)", f.Example)
		}
		fmt.Fprintln(out)
	}
	if sum.Malformed > 0 {
		fmt.Fprintf(out, "%8d lines of the log are not understood\n", sum.Malformed)
		for _, s := range sum.Samples {
			fmt.Fprintf(out, "         %s\n", s)
		}
	}
}
