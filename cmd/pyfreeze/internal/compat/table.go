package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const head = `# Compatibility

<!-- Written by "make compat" (cmd/pyfreeze/internal/compat): do not edit. -->

%s
` + "`make compat`" + ` rewrites this page. It installs Debian 12's packages of the programs below, and virtual environments of those of PyPI
(` + "`testdata/setup.sh compat`, `testdata/compat`" + `); freezes each with ` + "`pyfreeze freeze -- COMMAND`" + `, which finds the point by itself; thaws
it with several other lists of arguments, and compares each run with one of the plain program: standard output, standard error, exit
status, every file written, every request to a server. Both run in fresh copies of the same directory; only durations, addresses, dates
and names of temporary files are masked, where two plain runs differ in them.

Each case is run from an image that was frozen in another directory (a project's own script: in the same), four of them also from one
frozen in the same, and on a terminal from one frozen on a terminal. *Changed* are the runs after a change that the image cannot know: another
configuration, a plugin installed, a package upgraded. There the plain command is as right as a thaw.

*works*: every thaw of an unchanged program was one (none fell back to the plain command). *falls back*: the plain command ran in some,
pyfreeze's reason is told. *refused*: ` + "`pyfreeze freeze`" + ` says why. All of these left behind what the plain program does. One that did not
is *wrong*, and makes ` + "`make compat`" + ` fail. Times are of the processor, user and system, with the children that were waited for: means
over the cases of the medians over one to three runs, plain and thawed in turns. *Goes on before* is what the program does where the image
was taken: the earlier that is, the less is saved.

`

const tail = `
To try one: ` + "`go run ./cmd/pyfreeze/internal/compat black`" + `; all that are not right yet: ` + "`make compat RETRY=1`" + `. What each is asked to do
is in the tables and in programs/ there.
`

func page(s summary, table string) string { return fmt.Sprintf(head, s) + table + tail }

// summary counts the rows.
type summary struct {
	all, works, fallsBack, refused, wrong, absent, slower int
	runs, changed                                         count
	ratio                                                 float64 // the median
}

func sum(rows []row) (s summary) {
	var ratios []float64
	for _, r := range rows {
		s.all++
		switch r.verdict() {
		case works:
			s.works++
		case fallsBack:
			s.fallsBack++
		case refuses:
			s.refused++
		case wrong:
			s.wrong++
		case absent:
			s.absent++
		}
		for _, c := range []struct{ to, from *count }{{&s.runs, &r.Runs}, {&s.changed, &r.Changed}} {
			c.to.Runs += c.from.Runs
			c.to.Thawed += c.from.Thawed
			c.to.Wrong += c.from.Wrong
		}
		if ratio := r.ratio(); ratio > 0 {
			ratios = append(ratios, ratio)
			if ratio > 1 {
				s.slower++
			}
		}
	}
	if slices.Sort(ratios); len(ratios) > 0 {
		s.ratio = ratios[len(ratios)/2]
	}
	return s
}

// String is the line on top.
func (s summary) String() string {
	return fmt.Sprintf("**%d programs: %d thaw, %d fall back in part, %d are refused, %d wrong, %d left out. Of %d runs %d were thaws; after a change %d "+
		"of %d were, and %d runs were wrong. The median ratio of thawed to plain processor time is %.2f; %d are slower.**\n", s.all, s.works, s.fallsBack, s.refused,
		s.wrong, s.absent, s.runs.Runs, s.runs.Thawed, s.changed.Thawed, s.changed.Runs, s.runs.Wrong+s.changed.Wrong, s.ratio, s.slower)
}

// moving is what differs from run to run in reasons: addresses, descriptors, threads.
var moving = regexp.MustCompile(`0x[0-9a-f]+|\d{6,}|/tmp/compat-\d+|[0-9a-f]{12}-[0-9a-f]{12}|sem\.\w{6}|/[\w./-]*/pyfreeze-test`)

// table gives the rows as Markdown.
func table(programs []program, rows []row) string {
	var out strings.Builder
	out.WriteString("| program | of | stands for | | thawed | changed | plain | thawed | ratio | goes on before |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		p := programs[slices.IndexFunc(programs, func(p program) bool { return p.name == r.Name })]
		of := "Debian"
		if p.venv != "" {
			of, _, _ = strings.Cut(p.venv, "-")
		}
		stands := p.stands
		if p.noTerminal != "" {
			stands += "; not on a terminal: " + p.noTerminal
		}
		verdict := r.verdict()
		if why := r.why(); verdict != works && why != "" {
			verdict += ": " + short(why)
		}
		times := "| | |"
		if r.Plain > 0 {
			times = fmt.Sprintf("%d ms | %d ms | %.2f |", r.Plain.Milliseconds(), r.Thawed.Milliseconds(), r.ratio())
		}
		if r.ratio() > 1 {
			verdict += ", slower than the plain command"
		}
		fmt.Fprintf(&out, "| %s %s | %s | %s | %s | %d of %d | %s | %s %s |\n", r.Name, r.Version, of, stands, verdict, r.Runs.Thawed, r.Runs.Runs,
			changed(r.Changed), times, short(r.Point))
	}
	return out.String()
}

func changed(c count) string {
	if c.Runs == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", c.Thawed, c.Runs)
}

// short cuts a reason to what fits into a table.
func short(why string) string {
	why, _, _ = strings.Cut(moving.ReplaceAllString(why, "…"), "\n")
	if first, _, more := strings.Cut(why, "; "); more {
		why = first + "; …"
	}
	return strings.ReplaceAll(why, "|", "\\|")
}
