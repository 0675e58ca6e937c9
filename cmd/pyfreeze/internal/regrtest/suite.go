package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxModule is how long one module may take.
const maxModule = 15 * time.Minute

// suite is one interpreter with its image.
type suite struct {
	python, pyfreeze, image, dir, lib string
	imports                           string
}

func newSuite(ctx context.Context, python, pyfreeze, imports string) (*suite, error) {
	dir, err := os.MkdirTemp("", "regrtest-")
	if err != nil {
		return nil, err
	}
	s := &suite{python: python, pyfreeze: pyfreeze, image: filepath.Join(dir, "image"), dir: dir, imports: imports}
	out, err := exec.CommandContext(ctx, python, "-c", "import test, os; print(os.path.dirname(test.__file__), end='')").Output()
	if err != nil {
		return nil, fmt.Errorf("%s has no tests: %w", python, err)
	}
	s.lib = string(out)
	if text, err := exec.CommandContext(ctx, pyfreeze, "freeze", "-o", s.image, "--", python, imports).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return s, nil
}

func (s *suite) close() { _ = os.RemoveAll(s.dir) }

func (s *suite) has(module string) bool {
	for _, name := range []string{module + ".py", module} {
		if _, err := os.Stat(filepath.Join(s.lib, name)); err == nil {
			return true
		}
	}
	return false
}

// comparison is the outcome of a module.
type comparison struct {
	tests         int
	plain, thawed string // how each ended
	differ        []string
}

// plainCode imports what the image has, so that both sides start with the same modules.
const plainCode = `import runpy, sys
runpy.run_path(sys.argv.pop(1))
runpy.run_module('test', run_name='__main__')`

func (s *suite) compare(ctx context.Context, module string) (c comparison, err error) {
	plain, ended, err := s.results(ctx, module, "plain", s.python, "-c", plainCode, s.imports)
	if err != nil {
		return c, err
	}
	c.plain = ended
	thawed, ended, err := s.results(ctx, module, "thawed", s.pyfreeze, "run", "-m", "test", s.image)
	if err != nil {
		return c, err
	}
	c.thawed, c.tests = ended, len(plain)
	for name, was := range plain {
		switch is, ok := thawed[name]; {
		case !ok:
			c.differ = append(c.differ, name+": "+was+", not run when thawed")
		case is != was:
			c.differ = append(c.differ, name+": "+was+", "+is+" when thawed")
		}
	}
	for name := range thawed {
		if _, ok := plain[name]; !ok {
			c.differ = append(c.differ, name+": only run when thawed")
		}
	}
	slices.Sort(c.differ)
	if c.tests == 0 && c.plain != c.thawed {
		c.differ = append(c.differ, "no results: "+c.plain+", "+c.thawed)
	}
	return c, nil
}

// results runs a module and gives each test's outcome by name.
func (s *suite) results(ctx context.Context, module, side, name string, args ...string) (map[string]string, string, error) {
	work := filepath.Join(s.dir, side)
	report := filepath.Join(s.dir, side+".xml")
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o755), os.RemoveAll(report)); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, maxModule)
	defer cancel()
	log := filepath.Join(s.dir, "log")
	cmd := exec.CommandContext(ctx, name, append(args, "--junit-xml", report, module)...)
	cmd.Dir, cmd.Env = work, append(os.Environ(), "PYFREEZE_LOG="+log)
	cmd.WaitDelay = 10 * time.Second
	start := time.Now()
	err := cmd.Run()
	ended := fmt.Sprintf("ok in %.0f s", time.Since(start).Seconds())
	if err != nil {
		ended = fmt.Sprintf("%v in %.0f s", err, time.Since(start).Seconds())
	}
	if text, err := os.ReadFile(log); side == "thawed" && (err != nil || strings.Contains(string(text), `"thawed":false`)) {
		return nil, "", fmt.Errorf("%s was not thawed: %s", module, text)
	}
	out := map[string]string{}
	text, err := os.ReadFile(report)
	if err != nil {
		return out, ended, nil // it crashed: how it ended tells
	}
	var suites struct {
		Suites []struct {
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		return nil, "", fmt.Errorf("%s: %w", report, err)
	}
	for _, s := range suites.Suites {
		for _, c := range s.Cases {
			outcome := "passed"
			switch {
			case c.Failure != nil, c.Error != nil:
				outcome = "failed"
			case c.Skipped != nil:
				outcome = "skipped"
			}
			if old, ok := out[c.Name]; ok && old == "failed" {
				outcome = old
			}
			out[c.Name] = outcome
		}
	}
	return out, ended, nil
}
