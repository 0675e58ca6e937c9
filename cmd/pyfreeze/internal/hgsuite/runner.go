package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	python = "/usr/bin/python3.11"
	// Ports of servers that tests start, from the suite's default on.
	firstPort, portsPerJob = 20059, 500
	// How long run-tests.py, once interrupted, may take to end the processes of its tests.
	cleanUp = 20 * time.Second
	maxDiff = 4000
)

// runTests gives a command that runs the suite's own runner in scratch as the user.
func runTests(ctx context.Context, src source, user account, scratch string, hg string, args ...string) *exec.Cmd {
	all := append([]string{"-W", "ignore", "run-tests.py", "-j1", "--with-hg=" + hg, "--outputdir=" + scratch}, args...)
	cmd := exec.CommandContext(ctx, python, all...)
	cmd.Dir = src.tests()
	cmd.Env = []string{
		"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + scratch, "TMPDIR=" + scratch, "LANG=C.UTF-8",
		// Else each run has a seed of its own, an image of another seed does not fit, and a case's two
		// sides iterate over their sets in different orders.
		"PYTHONHASHSEED=1",
	}
	user.apply(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = cleanUp
	return cmd
}

// listCases gives all cases of the suite, a test with variants as one case each.
func listCases(ctx context.Context, src source, user account) ([]string, error) {
	scratch, err := user.scratch()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	out, err := runTests(ctx, src, user, scratch, plainHg, "--list-tests").Output()
	if err != nil {
		return nil, fmt.Errorf("run-tests.py --list-tests: %w", err)
	}
	cases, err := readList(bytes.NewReader(out))
	if err != nil {
		return nil, fmt.Errorf("run-tests.py --list-tests: %w", err)
	}
	return cases, nil
}

// runCase runs one case with one side; job, from 0 on, keeps the ports of jobs apart.
func runCase(ctx context.Context, src source, user account, s side, name string, job int) (record, error) {
	r := record{Side: s.id, Case: name}
	scratch, err := user.scratch()
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(scratch)
	port := strconv.Itoa(firstPort + job*portsPerJob)
	cmd := runTests(ctx, src, user, scratch, s.path, "--json", "--port="+port, name)
	if name == "test-demandimport.py" {
		// It loads distutils and fails when setuptools replaces that; others fail over what the real one
		// prints about its end.
		cmd.Env = append(cmd.Env, "SETUPTOOLS_USE_DISTUTILS=stdlib")
	}
	log := filepath.Join(scratch, "launcher.jsonl")
	if s.logs {
		cmd.Env = append(cmd.Env, launcherSettings()...)
		cmd.Env = append(cmd.Env, "PYFREEZE_LOG="+log)
	}
	out, runErr := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	// Exit status 1 says that a test failed: the report says it too.
	text, err := os.ReadFile(filepath.Join(scratch, "report.json"))
	if err == nil {
		err = r.fromJSON(text, string(out))
	}
	if err != nil {
		return r, fmt.Errorf("%s with %s: run-tests.py gave no result: %w\n%s", name, s.path, errors.Join(runErr, err), tail(string(out), maxDiff))
	}
	if s.logs {
		r.Log, err = readLogFile(log)
	}
	return r, err
}

// launcherSettings are the caller's PYFREEZE_ variables: the launcher's own settings, which no test knows.
func launcherSettings() []string {
	var settings []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "PYFREEZE_") && !strings.HasPrefix(v, "PYFREEZE_LOG=") {
			settings = append(settings, v)
		}
	}
	return settings
}

func readLogFile(path string) (*tally, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLauncherLog(f)
}

var skipReason = regexp.MustCompile(`(?m)^Skipped [^ ]+: (.*)$`)

// fromJSON takes the case's result out of run-tests.py's report.json, the reason of a skip out of what it
// printed.
func (r *record) fromJSON(text []byte, printed string) error {
	var results map[string]struct {
		Result, Time, Cuser, Csys, Diff string
	}
	_, object, _ := bytes.Cut(text, []byte("="))
	if err := json.Unmarshal(object, &results); err != nil {
		return fmt.Errorf("report.json: %w", err)
	}
	got, found := results[r.Case]
	if !found {
		return fmt.Errorf("report.json does not name %s: is there such a case?", r.Case)
	}
	wall, errWall := strconv.ParseFloat(got.Time, 64)
	user, errUser := strconv.ParseFloat(got.Cuser, 64)
	sys, errSys := strconv.ParseFloat(got.Csys, 64)
	if err := errors.Join(errWall, errUser, errSys); err != nil {
		return fmt.Errorf("report.json: %w", err)
	}
	r.Result, r.Seconds, r.CPU = got.Result, wall, user+sys
	switch got.Result {
	case passed:
	case skipped:
		if m := skipReason.FindStringSubmatch(printed); m != nil {
			r.Detail = m[1]
		}
	case failed:
		if r.Detail = got.Diff; r.Detail == "" {
			r.Detail = tail(printed, maxDiff) // timed out, say
		}
		if len(r.Detail) > maxDiff {
			r.Detail = strings.ToValidUTF8(r.Detail[:maxDiff], "") + "\n..."
		}
	default:
		return fmt.Errorf("report.json: result %q of %s is unknown", got.Result, r.Case)
	}
	return nil
}
