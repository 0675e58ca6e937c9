package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRunStreams runs both commands below a shell that connects, closes and fills their standard
// streams in all the ways that shells can.
func TestRunStreams(t *testing.T) {
	image := pythonImage(t)
	dir := tempDir(t)
	const state = `import sys, os
def show(s):
    return s and (s.fileno(), s.isatty(), s.encoding, s.errors, s.line_buffering, s.mode)
open(os.environ["OUT"], "w").write(repr([show(s) for s in (sys.stdin, sys.stdout, sys.stderr)]) + repr(sys.stdin and sys.stdin.read()))
print("to stdout")
print("to stderr", file=sys.stderr)
`
	const echo = "import sys\nfor line in sys.stdin: print(line.upper(), end='', flush=True)\nprint('end', file=sys.stderr)"
	const big = "import sys\nfor i in range(200000): print(i)"
	for name, c := range map[string]struct{ code, script string }{
		"pipes":                   {state, `echo input | "$@" | cat`},
		"files":                   {state, `echo input >in; "$@" <in >out 2>err; s=$?; cat out err; exit $s`},
		"append":                  {state, `echo before >out; "$@" </dev/null >>out 2>&1; echo after >>out; cat out`},
		"same file":               {state, `(echo first; "$@"; echo last) </dev/null >out 2>&1; cat out`},
		"null":                    {state, `"$@" </dev/null >/dev/null 2>/dev/null`},
		"no stdin":                {state, `"$@" <&-`},
		"no stdout":               {state, `"$@" >&-`},
		"no stderr":               {state, `"$@" 2>&-`},
		"none":                    {state, `"$@" <&- >&- 2>&-`},
		"full":                    {state, `"$@" </dev/null >/dev/full`},
		"full stderr":             {state, `"$@" </dev/null 2>/dev/full`},
		"closed pipe":             {big, `"$@" | head -n 2; echo "${PIPESTATUS[0]}"`},
		"closed pipe, no stderr":  {big, `"$@" 2>&- | head -n 2; echo "${PIPESTATUS[0]}"`},
		"here document":           {echo, "\"$@\" <<'X'\none\ntwo\nX"},
		"slow pipe":               {echo, `(echo a; sleep 0.2; echo b) | "$@"`},
		"rest of stdin is kept":   {"import os; print(os.read(0, 4))", `printf 'one\ntwo\n' >in; ("$@"; cat) <in`},
		"input()":                 {"print(repr(input('? ')), repr(input()))\ninput()", `printf 'one\ntwo\n' | "$@"`},
		"code from stdin":         {"exec(open(0).read())", `echo 'print(6 * 7)' | "$@"`},
		"descriptor 3":            {"import os; os.write(3, b'three'); print(os.read(4, 9), os.get_inheritable(3))", `echo four >in; "$@" 3>three 4<in; cat three`},
		"stdin for reading twice": {"import sys; print(sys.stdin.read(3), sys.stdin.buffer.read())", `printf abcdef | "$@"`},
		"read-only stdout":        {"print('x')", `"$@" 1</dev/null`},
		"bad utf-8":               {"import sys\nprint(ascii(sys.stdin.read()))", `printf 'a\377b' | "$@"`},
		"background":              {"import os; print(os.getpgrp() > 0)", `"$@" & wait $!; echo $?`},
	} {
		t.Run(name, func(t *testing.T) {
			log := newRunLog(t)
			shell := func(argv ...string) outcome {
				out := filepath.Join(dir, "state")
				run(t, command{argv: []string{"rm", "-f", out}})
				o := run(t, command{
					argv: append([]string{"/bin/bash", "-c", c.script, "bash"}, argv...), dir: dir,
					env: []string{"OUT=" + out, log.env()},
				})
				if strings.Contains(c.code, "OUT") {
					o.Stdout += run(t, command{argv: []string{"cat", out}}).Stdout
				}
				return o
			}
			plain := shell(python, "-c", c.code)
			same(t, plain, shell(binary, "run", "-c", c.code, image))
			log.thawed(t, 1)
			if t.Failed() {
				t.Logf("plain: %v", plain)
			}
		})
	}
}
