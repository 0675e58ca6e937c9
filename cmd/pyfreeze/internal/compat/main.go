// Command compat freezes real programs of Debian's at the exit of a warm-up, thaws them with other arguments, compares with the plain programs
// all that they leave behind, and writes the table of docs/compatibility.md.
//
//	compat -pyfreeze bin/pyfreeze -o docs/compatibility.md    all
//	compat -pyfreeze bin/pyfreeze black pytest                some, without writing the table
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	pyfreeze := flag.String("pyfreeze", "bin/pyfreeze", "the `binary` to test")
	out := flag.String("o", "", "`file` for the table; empty: standard output only")
	rounds := flag.Int("rounds", 3, "how many `times` each case is run, plain and thawed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *pyfreeze, *out, *rounds, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pyfreeze, out string, rounds int, only []string) error {
	rows, failed := tryAll(ctx, pyfreeze, rounds, only)
	bad, working := 0, 0
	for _, r := range rows {
		if !r.good() {
			bad++
		}
		if r.verdict == works {
			working++
		}
	}
	text := table(rows)
	fmt.Print(text)
	if out != "" && len(only) == 0 && failed == nil {
		if err := os.WriteFile(out, []byte(page(text)), 0o644); err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d programs are not as they should be", bad, len(rows))
	}
	if len(only) == 0 && working < minWorking {
		return fmt.Errorf("%d programs work, %d should", working, minWorking)
	}
	return nil
}

// tryAll tries the programs that are asked for, or all.
func tryAll(ctx context.Context, pyfreeze string, rounds int, only []string) (rows []row, err error) {
	if pyfreeze, err = filepath.Abs(pyfreeze); err != nil {
		return nil, err
	}
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	defer s.close()
	var failed error
	for _, p := range all() {
		if len(only) > 0 && !slices.Contains(only, p.name) {
			continue
		}
		r, err := tryOne(ctx, &p, pyfreeze, rounds, s)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		fmt.Fprintf(os.Stderr, "%-14s %s, plain %v, thawed %v %s\n", p.name, r.verdict, r.plain, r.thawed, r.why)
		rows = append(rows, r)
	}
	return rows, failed
}

func tryOne(ctx context.Context, p *program, pyfreeze string, rounds int, s *server) (r row, err error) {
	base, err := os.MkdirTemp("", "compat-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(base)
	b, err := newBench(ctx, p, pyfreeze, base, s)
	if err != nil {
		return r, err
	}
	if r, err = b.try(ctx, rounds); err != nil {
		return r, err
	}
	r.version, err = version(ctx, p)
	return r, err
}

// version asks dpkg for that of a program's package, without Debian's revision.
func version(ctx context.Context, p *program) (string, error) {
	name, _, _ := strings.Cut(p.packages, " ")
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f=${source:Upstream-Version}", name).Output()
	if err != nil {
		return "", fmt.Errorf("%s is not installed (testdata/setup.sh compat installs it): %w", name, err)
	}
	return string(out), nil
}
