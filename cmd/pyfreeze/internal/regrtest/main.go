// Command regrtest runs modules of CPython's own regression tests in a plain interpreter and in a thawed one, frozen after it had imported much of the
// standard library, and compares the outcome test by test.
//
//	regrtest -pyfreeze bin/pyfreeze                               every interpreter that is here, all modules
//	regrtest -pyfreeze bin/pyfreeze -only 3.11,3.13 test_dict     these
//	regrtest -pyfreeze bin/pyfreeze -report docs/regrtest.md      what is kept, as the document
//
// Each result is kept when it is there: what was interrupted goes on where it stopped. docs/regrtest.md tells more.
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
	pyfreeze, imports, dir, only, report string
	fresh, retry, current                bool
	modules                              []string
}

func main() {
	var o options
	flag.StringVar(&o.pyfreeze, "pyfreeze", "bin/pyfreeze", "the `binary` to test")
	flag.StringVar(&o.imports, "imports", "testdata/python/imports.py", "`script` that runs before the freeze")
	flag.StringVar(&o.dir, "dir", "", "`directory` for results and logs (default: a cache directory)")
	flag.StringVar(&o.only, "only", "", "`names` of interpreters, with commas: 3.8 to 3.15, debian, and in trees trixie, sid, python3.15; empty: all but those in trees")
	flag.StringVar(&o.report, "report", "", "write the table to this `file` too")
	flag.BoolVar(&o.fresh, "fresh", false, "forget the kept results of what is chosen")
	flag.BoolVar(&o.retry, "retry", false, "forget the kept thawed results that differ")
	flag.BoolVar(&o.current, "current", false, "forget the kept thawed results of other builds of pyfreeze")
	flag.Parse()
	o.modules = flag.Args()
	if len(o.modules) == 0 {
		o.modules = modules
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	good, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "regrtest:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// run is false when a test differs and no reason is known, or a known difference is gone.
func run(ctx context.Context, o options) (good bool, err error) {
	if o.dir == "" {
		if o.dir, err = cacheDirectory(); err != nil {
			return false, err
		}
		o.dir = filepath.Join(o.dir, "regrtest")
	}
	for _, path := range []*string{&o.pyfreeze, &o.imports, &o.dir} {
		if *path, err = filepath.Abs(*path); err != nil {
			return false, err
		}
	}
	found, undo, err := interpreters(ctx, o.only)
	defer undo()
	if err != nil {
		return false, err
	}
	r := &report{modules: o.modules}
	for _, in := range found {
		column, err := runInterpreter(ctx, o, in)
		if err != nil {
			return false, fmt.Errorf("%s: %w", in.name, err)
		}
		r.columns = append(r.columns, column)
		if ctx.Err() != nil {
			return false, errors.New("interrupted: the same command goes on where this one stopped")
		}
	}
	if len(r.columns) == 0 {
		return false, errors.New("no interpreter with tests is here")
	}
	r.write(os.Stdout)
	if o.report != "" {
		if err := r.writeDocument(o.report); err != nil {
			return false, err
		}
	}
	return r.good(), nil
}

// runInterpreter runs what is not kept yet, and compares.
func runInterpreter(ctx context.Context, o options, in interpreter) (column, error) {
	c := column{interpreter: in, cells: map[string]*comparison{}}
	s, err := newSuite(in, o.pyfreeze, o.imports, filepath.Join(o.dir, in.name))
	if err != nil {
		return c, err
	}
	defer s.close()
	for _, m := range o.modules {
		if !in.has(m) {
			continue
		}
		if o.fresh {
			if err := s.forget(m); err != nil {
				return c, err
			}
		}
		got, err := s.compared(ctx, m, o.retry, o.current)
		if err != nil {
			return c, err
		}
		if ctx.Err() != nil {
			return c, nil
		}
		c.cells[m] = got
		fmt.Fprintf(os.Stderr, "%-10s %-26s %s\n", in.name, m, got)
	}
	return c, nil
}

// cacheDirectory is where things are kept unless another place is named.
func cacheDirectory() (string, error) {
	if os.Getuid() == 0 {
		return "/var/cache/pyfreeze-test", nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w; name a directory with -dir", err)
	}
	return filepath.Join(cache, "pyfreeze-test"), nil
}
