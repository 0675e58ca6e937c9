package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Thawed programs on a terminal: plain and thawed are driven by the same keys.

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	ctrlZ = "\x1a"
)

// onTerminal runs the shell script on a terminal with "$@" being argv, lets keys drive it, and
// returns what was shown.
func onTerminal(t *testing.T, argv []string, script string, log runLog, keys func(*terminal)) outcome {
	t.Helper()
	term := startTerminal(t, command{argv: append([]string{"/bin/bash", "--norc", "-c", script, "bash"}, argv...), env: []string{log.env()}})
	keys(term)
	return term.wait()
}

func TestTerminal(t *testing.T) {
	const ready = "import sys, os, time\nprint('ready', flush=True)\n"
	for name, c := range map[string]struct {
		code, script string
		keys         func(*terminal)
		want         string
	}{
		"state": {"import sys, os\nfor s in sys.stdin, sys.stdout, sys.stderr: print(s.isatty(), s.line_buffering, s.encoding)\n" +
			"print(os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp(), os.ttyname(0) == os.ttyname(1))", `"$@"`, func(*terminal) {}, "True True utf-8"},
		"line":        {"print(repr(input('name? ')))", `"$@"`, func(term *terminal) { term.expect("name? ", 1); term.keys("you\n") }, "'you'"},
		"end of file": {ready + "print(repr(sys.stdin.read()))", `"$@"`, func(term *terminal) { term.expect("ready", 1); term.keys("text\n" + ctrlD) }, `'text\n'`},
		"interrupt":   {ready + "time.sleep(60)", `"$@"; echo "status $?"`, func(term *terminal) { term.expect("ready", 1); term.keys(ctrlC) }, "KeyboardInterrupt"},
		"interrupt a pipeline": {ready + "sys.stdout.close(); time.sleep(60)", `trap 'echo shell' INT; "$@" | cat; echo "${PIPESTATUS[@]}"`,
			func(term *terminal) { term.expect("ready", 1); term.keys(ctrlC) }, "130 130"},
		// The shell's job control: ^Z stops the job, fg goes on with it, which then reads the terminal.
		"job control": {ready + "print(repr(input())); sys.exit(5)",
			`set -m; "$@"; echo "status $?"; echo "stopped $(jobs | grep -c Stopped)"; ` +
				`fg >/dev/null; echo "status $?"`,
			func(term *terminal) {
				term.expect("ready", 1)
				term.keys(ctrlZ)
				term.expect("stopped 1", 1)
				term.keys("typed\n")
			}, "status 5"},
		"background reader": {ready + "print(repr(input()))", `set -m; "$@" & sleep 1; jobs | grep -o Stopped; fg >/dev/null; echo "status $?"`,
			func(term *terminal) { term.expect("Stopped", 1); term.keys("typed\n") }, "'typed'"},
		"getpass": {"import getpass; print(repr(getpass.getpass('secret: ')))", `"$@"`,
			func(term *terminal) { term.expect("secret: ", 1); term.keys("hidden\n") }, "'hidden'"},
		"stdout is a file": {"import sys; print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stdout.line_buffering, sys.stderr.isatty(), file=sys.stderr)",
			`"$@" >/dev/null`, func(*terminal) {}, "True False False True"},
	} {
		t.Run(name, func(t *testing.T) {
			variants, log := both(t, c.code)
			plain := onTerminal(t, variants["plain"], c.script, log, c.keys)
			if !strings.Contains(plain.Stdout, c.want) {
				t.Fatalf("plain does not show %q: %v", c.want, plain)
			}
			same(t, plain, onTerminal(t, variants["thawed"], c.script, log, c.keys))
			log.thawed(t, 1)
		})
	}
}

// TestHGOnTerminal runs hg where it chooses colours, a pager, prompts and an editor by itself.
func TestHGOnTerminal(t *testing.T) {
	image := hgImage(t)
	dir := tempDir(t)
	repo := filepath.Join(dir, "r")
	shell := func(script string) {
		run(t, command{argv: []string{"/bin/bash", "-ec", script}, dir: dir, env: []string{"HGRCPATH=/dev/null", "HGUSER=t"}}).must(t, "exit 0")
	}
	shell("hg init r; cd r; echo a >a; hg commit -qAm first -d '0 0'; echo b >a; touch unknown")
	for name, c := range map[string]struct {
		args []string
		keys func(*terminal)
		env  []string
		want string
	}{
		"status": {[]string{"status"}, func(*terminal) {}, nil, "\x1b["},
		"pager":  {[]string{"log"}, func(*terminal) {}, []string{"PAGER=sed s/^/paged:/"}, "paged:"},
		"diff":   {[]string{"diff", "--nodates"}, func(*terminal) {}, []string{"PAGER=cat"}, "\x1b["},
		"plain":  {[]string{"status"}, func(*terminal) {}, []string{"HGPLAIN=1"}, "? unknown"},
		"prompt": {[]string{"--config", "ui.interface=text", "commit", "-i", "-m", "x"},
			func(term *terminal) { term.expect("[Ynesfdaq?]", 1); term.keys("q\n") }, nil, "abort: user quit"},
		"quit pager": {[]string{"log", "--config", "pager.pager=head -n 1"}, func(*terminal) {}, nil, "changeset"},
	} {
		t.Run(name, func(t *testing.T) {
			log := newRunLog(t)
			show := func(argv ...string) outcome {
				term := startTerminal(t, command{argv: append(argv, c.args...), dir: repo,
					env: append([]string{"HGRCPATH=/dev/null", "HGUSER=t", log.env()}, c.env...)})
				c.keys(term)
				return term.wait()
			}
			plain := show(hgPath)
			if !strings.Contains(plain.Stdout, c.want) {
				t.Fatalf("plain does not show %q: %v", c.want, plain)
			}
			same(t, plain, show(binary, "run", image))
			log.thawed(t, 1)
		})
	}
}
