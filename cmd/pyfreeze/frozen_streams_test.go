package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// streamKinds are shell redirections, each for standard input, output and error.
var streamKinds = map[string]string{
	"file":   `<in >out 2>err`,
	"append": `<in >>out 2>&1`,
	"null":   `</dev/null >/dev/null 2>/dev/null`,
	"closed": `<&- >&- 2>&-`,
	"pipe":   `< <(exec sleep 60) > >(exec cat >/dev/null) 2> >(exec cat >/dev/null)`,
}

// sleeping prints without a newline, so that something may wait in its buffers, and sleeps.
const sleeping = `import sys, time, os, warmed
for s in sys.stdout, sys.stderr:
    if s: s.write("must not come out of a thawed process")
open(os.environ["READY"], "w").close()
time.sleep(60)`

// showStreams says what its standard streams are and uses them, telling a file since streams may be closed.
const showStreams = `import sys, os, warmed
def describe(s):
    return s and (s.fileno(), s.seekable(), s.isatty(), s.line_buffering, s.mode, s.encoding, s.errors)
text = repr([describe(s) for s in (sys.stdin, sys.stdout, sys.stderr)])
text += repr(sys.stdin and sys.stdin.read())
open(os.environ["OUT"], "w").write(text)
for s in sys.stdout, sys.stderr:
    if s: s.write("written\n"); s.flush()`

// TestStreamsFrozenAndThawed freezes programs whose standard streams are of every kind and thaws
// each with streams of every kind: what Python remembers of a stream must be of the new one.
func TestStreamsFrozenAndThawed(t *testing.T) {
	for frozen, redirect := range streamKinds {
		t.Run(frozen, func(t *testing.T) {
			dir := tempDir(t)
			if err := os.WriteFile(filepath.Join(dir, "in"), []byte("some input\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			image := filepath.Join(dir, "i")
			ready := filepath.Join(dir, "ready")
			cmd := exec.Command("/bin/bash", "-c", `exec "$0" -c "$1" `+redirect, python, sleeping)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "READY="+ready, "PYTHONPATH="+program(""))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			for _, err := os.Stat(ready); err != nil; _, err = os.Stat(ready) {
				time.Sleep(5 * time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond)
			attach(t, cmd.Process.Pid, image).must(t, "exit 0")
			for thawed, redirect := range streamKinds {
				t.Run(thawed, func(t *testing.T) { sameStreams(t, dir, image, redirect) })
			}
		})
	}
}

// sameStreams runs showStreams plainly and thawed, and compares what it saw and wrote.
func sameStreams(t *testing.T, dir, image, redirect string) {
	log := newRunLog(t)
	shell := func(argv ...string) string {
		run(t, command{argv: []string{"/bin/bash", "-c", "rm -f out err state; echo kept >out"}, dir: dir}).must(t, "exit 0")
		// The shell waits for the programs at the other end of the pipes by their ends.
		redirect := strings.ReplaceAll(redirect, "exec sleep 60", "echo some input")
		redirect = strings.ReplaceAll(redirect, "> >(exec cat >/dev/null) 2> >(exec cat >/dev/null)", "2>&1 | cat >out")
		o := run(t, command{argv: append([]string{"/bin/bash", "-c", `"$@" ` + redirect + `; echo "status ${PIPESTATUS[0]}"`, "bash"}, argv...), dir: dir,
			env: []string{"OUT=" + filepath.Join(dir, "state"), "PYTHONPATH=" + program(""), log.env()}})
		text := fmt.Sprintf("%v\n", o)
		for _, name := range []string{"state", "out", "err"} {
			data, _ := os.ReadFile(filepath.Join(dir, name))
			text += fmt.Sprintf("%s: %q\n", name, data)
		}
		return text
	}
	plain := shell(python, "-c", showStreams)
	thawed := shell(binary, "run", "-c", showStreams, image)
	if diff := cmp.Diff(strings.Split(plain, "\n"), strings.Split(thawed, "\n")); diff != "" {
		t.Errorf("plain (-) and thawed (+):\n%s", diff)
	}
	log.thawed(t, 1)
}
