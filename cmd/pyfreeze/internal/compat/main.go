// Command compat freezes real programs, of Debian's and of PyPI's, thaws them with other arguments,
// in other directories, on a terminal and without one, and compares with the plain programs all
// that they leave behind. It writes docs/compatibility.md.
//
//	compat -pyfreeze bin/pyfreeze -o docs/compatibility.md    all, which takes an hour
//	compat -pyfreeze bin/pyfreeze -retry                      those that are not right yet
//	compat -pyfreeze bin/pyfreeze black pytest                some
//
// What came of each is kept in a file, so the page can be written of runs that were made in parts.
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
	"sync"
	"time"
)

func main() {
	var h harness
	var results string
	flag.StringVar(&h.pyfreeze, "pyfreeze", "bin/pyfreeze", "the `binary` to test")
	flag.StringVar(&h.out, "o", "", "`file` for the page; empty: none")
	flag.IntVar(&h.rounds, "rounds", 1, "how many `times` each case is compared")
	flag.IntVar(&h.timings, "timings", 2, "how many more `times` a few cases of each program are timed")
	flag.IntVar(&h.jobs, "jobs", 1, "how many programs are tried at a `time`: with more than one the times mean less")
	flag.BoolVar(&h.retry, "retry", false, "try only what is not right yet")
	flag.BoolVar(&h.only, "page", false, "try nothing: write the page from what is kept")
	flag.StringVar(&results, "results", filepath.Join(venvs(), "results.json"), "`file` that keeps what came of each program")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := h.run(ctx, results, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

// harness is what one call of this program is asked for.
type harness struct {
	pyfreeze, out   string
	rounds, timings int
	jobs            int
	retry, only     bool

	binary string // digest of pyfreeze
	kept   *kept
}

func (h *harness) run(ctx context.Context, results string, names []string) (err error) {
	programs, err := all()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(programs, func(p program) bool { return p.name == name }) {
			return fmt.Errorf("no program %s in the table", name)
		}
	}
	if h.kept, err = keptIn(results); err != nil {
		return err
	}
	if h.pyfreeze, err = filepath.Abs(h.pyfreeze); err != nil {
		return err
	}
	if h.binary, err = digest(h.pyfreeze); err != nil {
		return err
	}
	failed := h.tryAll(ctx, h.chosen(programs, names))
	rows, missing := h.rows(programs)
	s := sum(rows)
	fmt.Print(s, "\n")
	if h.out != "" && missing == 0 {
		failed = errors.Join(failed, os.WriteFile(h.out, []byte(page(s, table(programs, rows))), 0o644))
	}
	return errors.Join(failed, h.judge(programs, rows, missing, len(names) > 0))
}

// chosen are the programs to try.
func (h *harness) chosen(programs []program, names []string) (out []program) {
	for _, p := range programs {
		r, ok := h.kept.rows[p.name]
		switch {
		case h.only, len(names) > 0 && !slices.Contains(names, p.name), h.retry && ok && r.good(&p):
		default:
			out = append(out, p)
		}
	}
	return out
}

// tryAll tries programs, some at a time, telling how it gets on, and keeps what came of each.
func (h *harness) tryAll(ctx context.Context, programs []program) error {
	var (
		mu      sync.Mutex
		failed  error
		workers sync.WaitGroup
		next    = make(chan int)
	)
	for range max(h.jobs, 1) {
		workers.Go(func() {
			for i := range next {
				start := time.Now()
				r, err := h.tryServed(ctx, &programs[i])
				mu.Lock()
				fmt.Fprintf(os.Stderr, "[%d/%d] %-16s ", i+1, len(programs), programs[i].name)
				if err == nil {
					tell(&r, time.Since(start))
					err = h.kept.put(r)
				} else {
					fmt.Fprintln(os.Stderr, "failed:", err)
				}
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("%s: %w", programs[i].name, err))
				}
				mu.Unlock()
			}
		})
	}
	for i := range programs {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return errors.Join(failed, ctx.Err())
}

// tell prints what came of a program.
func tell(r *row, took time.Duration) {
	fmt.Fprintf(os.Stderr, "%s, %d of %d thawed, changed %d of %d, ratio %.2f (%.0f s)\n", r.verdict(), r.Runs.Thawed, r.Runs.Runs,
		r.Changed.Thawed, r.Changed.Runs, r.ratio(), took.Seconds())
	for _, list := range [][]string{{r.Absent}, {r.Refused}, r.Wrongs, r.Fallbacks} {
		if text := strings.Join(list, "\n    "); text != "" {
			fmt.Fprintf(os.Stderr, "    %s\n", text)
		}
	}
}

// tryServed tries one program with a server of its own.
func (h *harness) tryServed(ctx context.Context, p *program) (row, error) {
	s, err := newServer()
	if err != nil {
		return row{}, err
	}
	defer s.close()
	return h.tryOne(ctx, p, s)
}

func (h *harness) tryOne(ctx context.Context, p *program, s *server) (r row, err error) {
	base, err := os.MkdirTemp("", "compat-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(base)
	b, err := newBench(ctx, p, h.pyfreeze, base, s)
	if errors.Is(err, errAbsent) {
		return row{Name: p.name, Binary: h.binary, Absent: err.Error()}, nil
	}
	if err != nil {
		return r, err
	}
	if r, err = b.try(ctx, h.rounds, h.timings); err != nil {
		return r, err
	}
	r.Binary = h.binary
	if p.venv != "" {
		r.Version, err = pinned(b.venv, p.wheel)
		return r, err
	}
	r.Version, err = version(ctx, p)
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

// rows are what is kept of the table's programs, in its order.
func (h *harness) rows(programs []program) (out []row, missing int) {
	for _, p := range programs {
		r, ok := h.kept.rows[p.name]
		if !ok {
			missing++
			continue
		}
		out = append(out, r)
	}
	return out, missing
}

// judge says what is not as it should be: with some programs asked for, only a wrong one.
func (h *harness) judge(programs []program, rows []row, missing int, some bool) error {
	s := sum(rows)
	if old := len(slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.Binary == h.binary })); old > 0 {
		fmt.Printf("%d of them were tried with another pyfreeze.\n", old)
	}
	switch {
	case s.wrong > 0:
		return fmt.Errorf("%d programs are wrong", s.wrong)
	case some:
		return nil
	case missing > 0:
		return fmt.Errorf("%d of %d programs were not tried yet: no page is written", missing, len(programs))
	case s.works+s.absent < minWorking:
		return fmt.Errorf("%d programs thaw, %d should", s.works, minWorking)
	}
	return nil
}
