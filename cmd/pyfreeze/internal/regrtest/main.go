// Command regrtest runs modules of CPython's own regression tests in a plain interpreter and in a thawed one, frozen after it had imported much of the
// standard library, and compares the outcome test by test. The interpreters are pyenv's, which have the tests.
//
//	regrtest -pyfreeze bin/pyfreeze                     all versions, all modules
//	regrtest -pyfreeze bin/pyfreeze -versions 3.11 test_dict test_gc
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

// modules are those that are run unless others are named.
var modules = strings.Fields(`test_dict test_set test_gc test_weakref test_io test_threading test_subprocess test_asyncio test_ctypes test_json test_re
	test_decimal test_struct test_collections test_functools test_typing test_importlib test_pickle test_sqlite3 test_ssl test_hashlib
	test_multiprocessing_fork test_signal test_os test_sys test_logging test_random test_tempfile test_unittest test_datetime`)

// older are names that modules had.
var older = map[string]string{"test_sqlite3": "test_sqlite"}

func main() {
	pyfreeze := flag.String("pyfreeze", "bin/pyfreeze", "the `binary` to test")
	imports := flag.String("imports", "testdata/python/imports.py", "`script` that runs before the freeze")
	versions := flag.String("versions", "3.8,3.9,3.10,3.11,3.12,3.13", "of CPython")
	flag.Parse()
	chosen := flag.Args()
	if len(chosen) == 0 {
		chosen = modules
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	good, err := run(ctx, *pyfreeze, *imports, strings.Split(*versions, ","), chosen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "regrtest:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

func run(ctx context.Context, pyfreeze, imports string, versions, chosen []string) (good bool, err error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return false, err
	}
	if pyfreeze, err = filepath.Abs(pyfreeze); err != nil {
		return false, err
	}
	if imports, err = filepath.Abs(imports); err != nil {
		return false, err
	}
	good = true
	for _, v := range versions {
		found, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions", v+".*", "bin/python3")) // the pattern is fine
		if len(found) == 0 {
			fmt.Printf("Python %s: not in ~/.pyenv/versions\n", v)
			continue
		}
		s, err := newSuite(ctx, found[0], pyfreeze, imports)
		if err != nil {
			return false, err
		}
		for _, m := range chosen {
			if !s.has(m) && older[m] != "" {
				m = older[m]
			}
			if !s.has(m) {
				fmt.Printf("%-5s %-28s not in this version\n", v, m)
				continue
			}
			c, err := s.compare(ctx, m)
			if err != nil {
				return false, err
			}
			good = good && len(c.differ) == 0
			fmt.Printf("%-5s %-28s %5d tests, %d differ   plain: %s, thawed: %s\n", v, m, c.tests, len(c.differ), c.plain, c.thawed)
			for _, d := range c.differ {
				fmt.Printf("        %s\n", d)
			}
		}
		s.close()
	}
	return good, nil
}
