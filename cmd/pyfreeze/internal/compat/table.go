package main

import (
	"fmt"
	"regexp"
	"strings"
)

const head = `# Compatibility

<!-- Written by "make compat" (cmd/pyfreeze/internal/compat): do not edit. -->

` + "`make compat`" + ` rewrites this page. It installs Debian 12's packages of the programs below (` + "`testdata/setup.sh compat`" + `), freezes each with
` + "`pyfreeze freeze`" + ` at the exit of a warm-up run, thaws it with several other lists of arguments, and compares each run with one of the plain program: standard
output, standard error, exit status, every file written, every request to a server. Both run in fresh copies of the same directory; only
durations, addresses, dates and names of temporary files are masked, where two plain runs differ in them. Plain and thawed runs take turns; times are means over the
cases of the medians over the rounds, from start to end of the process.

*works*: every thaw was one (none fell back to the plain command), and left behind what the plain program does. *refused*: ` + "`pyfreeze freeze`" + ` says why. A
program that is *wrong* makes ` + "`make compat`" + ` fail.

`

const tail = `
To try one: ` + "`go run ./cmd/pyfreeze/internal/compat black`" + `. What each is asked to do is in the tables there.
`

func page(table string) string { return head + table + tail }

// moving is what differs from run to run in reasons: addresses, descriptors, threads.
var moving = regexp.MustCompile(`0x[0-9a-f]+|\d{6,}|/tmp/compat-\d+|[0-9a-f]{12}-[0-9a-f]{12}|sem\.\w{6}`)

// table gives the rows as Markdown.
func table(rows []row) string {
	var out strings.Builder
	out.WriteString("| program | stands for | cases | | plain | thawed | |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&out, "| %s %s | %s | %d | %s | ", r.p.name, r.version, r.p.stands, len(r.p.cases), r.verdict)
		if r.verdict == works {
			fmt.Fprintf(&out, "%d ms | %d ms | %.1f times as fast |\n", r.plain.Milliseconds(), r.thawed.Milliseconds(), float64(r.plain)/float64(r.thawed))
			continue
		}
		why, _, _ := strings.Cut(moving.ReplaceAllString(r.why, "…"), "\n")
		if first, _, more := strings.Cut(why, "; "); more {
			why = first + "; …"
		}
		fmt.Fprintf(&out, "| | %s |\n", strings.ReplaceAll(why, "|", "\\|"))
	}
	return out.String()
}
