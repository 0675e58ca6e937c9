// Command hgsuite runs Mercurial's own test suite, of the version that Debian has installed, with plain
// hg and with another executable that is to behave as hg does, and reports where they differ.
//
//	hgsuite -list testdata/hg-sample.txt                           the cases in the file, plain hg only
//	hgsuite -list testdata/hg-sample.txt -pyfreeze bin/pyfreeze    the same with both, in turns
//	hgsuite -pyfreeze bin/pyfreeze                                 the whole suite
//	hgsuite -pyfreeze bin/pyfreeze test-add.t test-bisect.t        these
//	hgsuite -hg ./other-launcher test-add.t                        with another executable
//
// Every result is kept as soon as it is there: what was interrupted goes on where it stopped.
// docs/test-hg.md tells more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

type options struct {
	hg, pyfreeze string
	list, dir    string
	jobs         int
	fresh, retry bool
	quick        bool
	cases        []string
}

func main() {
	var o options
	flag.StringVar(&o.hg, "hg", "", "the `executable` to compare with plain hg; empty: plain hg alone")
	flag.StringVar(&o.pyfreeze, "pyfreeze", "", "compare plain hg with the launcher that this `binary` installs")
	flag.StringVar(&o.list, "list", "", "`file` with the cases to run; empty, and none named: the whole suite")
	flag.StringVar(&o.dir, "dir", "", "`directory` for source, results and report (default: a cache directory)")
	flag.IntVar(&o.jobs, "jobs", 1, "how many cases run at a time")
	flag.BoolVar(&o.fresh, "fresh", false, "forget the kept results of the chosen cases")
	flag.BoolVar(&o.retry, "retry", false, "forget the kept results of chosen cases that failed or differ")
	flag.BoolVar(&o.quick, "quick", false, "run plain hg only on cases that do not pass with the other: half the time, and no times to compare")
	flag.Parse()
	o.cases = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	good, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hgsuite:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// run is false when the comparison ran to its end and found something.
func run(ctx context.Context, o options) (good bool, err error) {
	user := ordinaryUser()
	dir, err := workDirectory(o.dir, user)
	if err != nil {
		return false, err
	}
	src, err := fetchSource(ctx, dir)
	if err != nil {
		return false, err
	}
	if o.pyfreeze != "" {
		if o.hg, err = installLauncher(ctx, dir, o.pyfreeze, user); err != nil {
			return false, err
		}
	}
	sides, err := newSides(dir, src, o.hg, user)
	if err != nil {
		return false, err
	}
	cases, err := chooseCases(ctx, o, src, user)
	if err != nil {
		return false, err
	}
	st, err := openState(filepath.Join(dir, "results.jsonl"))
	if err != nil {
		return false, err
	}
	defer st.close()
	for _, c := range cases {
		if o.fresh || o.retry && differs(st, sides, c) {
			st.forget(sides, c)
		}
	}
	p := &plan{src: src, user: user, sides: sides, cases: cases, state: st, jobs: o.jobs, quick: o.quick}
	runErr := runAll(ctx, p)
	// Some tests fail now and then, with either: what differs is tried once more.
	for _, c := range cases {
		if differs(st, sides, c) && ctx.Err() == nil {
			fmt.Printf("%s differs or fails: once more\n", c)
			st.forget(sides, c)
		}
	}
	if err := runAll(ctx, p); runErr == nil || err == nil {
		runErr = err
	}
	r := newReport(src.version, user, sides, cases, st)
	r.quick = o.quick
	if err := writeReport(filepath.Join(dir, "report.txt"), r); err != nil {
		return false, errors.Join(runErr, err)
	}
	r.summary(os.Stdout)
	if ctx.Err() != nil {
		return false, errors.New("interrupted: the same command goes on where this one stopped")
	}
	return r.good(), runErr
}

// chooseCases gives the cases named by the user, those in the list, or all that the suite has.
func chooseCases(ctx context.Context, o options, src source, user account) ([]string, error) {
	if len(o.cases) > 0 {
		return o.cases, nil
	}
	if o.list == "" {
		return listCases(ctx, src, user)
	}
	f, err := os.Open(o.list)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cases, err := readList(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.list, err)
	}
	return cases, nil
}

func writeReport(path string, r *report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	r.table(f)
	r.summary(f)
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Printf("\ntest by test: %s\n", path)
	return nil
}
