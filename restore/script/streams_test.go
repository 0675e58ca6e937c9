package script

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pyfreeze/restore/internal/target"
)

// streams tells all about the standard streams.
const streams = `
import os, sys
def tell(s):
    if s is None:
        return None
    b = s.buffer
    raw = getattr(b, 'raw', b)
    return (s.name, s.mode, s.encoding.lower(), s.errors, s.line_buffering, s.write_through,
            s.newlines, type(b).__name__, raw.name, raw.mode, raw.fileno(), raw.closefd, s.isatty())
told = [tell(s) for s in (sys.stdin, sys.stdout, sys.stderr)]
told.append([getattr(sys, n) is getattr(sys, "__%s__" % n) for n in ("stdin", "stdout", "stderr")])
with open('streams', 'w') as f:
    f.write(repr(told))
if sys.stdin is not None:
    os.write(1, ascii(sys.stdin.read()).encode())
for s in (sys.stdout, sys.stderr):
    try:
        print('p\xe4\udc80\u20ac', file=s)
    except (UnicodeError, AttributeError, OSError) as e:
        with open('streams', 'a') as f:
            f.write(ascii(e))
`

// The standard streams are what a plain interpreter would make of the descriptors and variables of
// this start, whatever the frozen one had.
func TestStreamsLikePlain(t *testing.T) {
	const here = `exec "$@"`
	for name, c := range map[string]streamsCase{
		"usual":     {start: `echo 'in ä' | { exec "$@"; }`},
		"no input":  {start: `exec "$@" <&-`},
		"no output": {start: `exec "$@" >&-`},
		"no errors": {start: `exec "$@" 2>&-`},
		"files":     {start: `printf 'a\r\nb' >in; exec "$@" <in >out 2>&1`},
		"a terminal": {start: `printf '%s\0' "$@" >argv; ` +
			`exec script -qec 'xargs -0 -a argv env' /dev/null </dev/null`},
		"not buffered":   {start: here, options: []string{"-u"}},
		"latin-1":        {start: here, env: []string{"PYTHONIOENCODING=latin-1"}},
		"errors":         {start: here, env: []string{"PYTHONIOENCODING=:replace"}},
		"both":           {start: here, env: []string{"PYTHONIOENCODING=ascii:xmlcharrefreplace"}},
		"strict latin-1": {start: here, env: []string{"PYTHONIOENCODING=latin1:"}},
		"isolated": {start: here, options: []string{"-I"},
			env: []string{"PYTHONIOENCODING=ascii"}},
		"was closed": {start: here, frozen: "sys.stdout.close(); sys.stdout = None"},
		"was None":   {start: here, frozen: "sys.stdout = sys.__stdout__ = sys.stdin = None"},
		"was wrapped": {start: `echo x | { exec "$@"; }`, frozen: "import io; sys.stdout = " +
			"io.TextIOWrapper(sys.stdout.buffer, 'ascii'); sys.stdin = open(0, closefd=False)"},
		"was another": {start: here, frozen: "import io; sys.stdout = io.StringIO()\n" +
			"sys.stderr.reconfigure(errors='strict', encoding='ascii', line_buffering=False)"},
		"was detached": {start: here, frozen: "keep = sys.stdout.detach()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.same(t, target.Debian)
		})
	}
	each(t, func(t *testing.T, exe string) {
		for _, c := range []streamsCase{
			{start: `printf 'a\r\nb' >in; exec "$@" <in >out 2>&1`},
			{start: here, options: []string{"-u"}},
		} {
			c.same(t, exe)
		}
	})
}

// streamsCase is a way to start an interpreter, and what the frozen one did with its streams.
type streamsCase struct {
	start, frozen string
	options, env  []string
}

// same compares the streams of a plain interpreter with those of a thawed one.
func (c *streamsCase) same(t *testing.T, exe string) {
	t.Helper()
	th := newThaw(t, "-c", streams)
	th.exe, th.start, th.options, th.frozen = exe, c.start, c.options, "import sys\n"+c.frozen
	th.env = append(th.env, c.env...)
	want := th.plain()
	told, err := th.readFile("streams")
	wantOut, _ := th.readFile("out") // only where the shell makes one
	if err != nil {
		t.Fatalf("the plain one: %v %+v", err, want)
	}
	th.file("streams", "")
	got := th.thawed()
	now, _ := th.readFile("streams")
	out, _ := th.readFile("out")
	if got != want || now != told || out != wantOut {
		t.Errorf("plain  %+v %s %q\nthawed %+v %s %q", want, told, wantOut, got, now, out)
	}
}

// Of a program that goes on, what it has set itself stays, and what it has not written comes.
func TestStreamsGoOn(t *testing.T) {
	const tell = "sys.stderr.write(repr([sys.stdout.encoding, sys.stdout.errors, " +
		"sys.stdout.line_buffering]))"
	for name, c := range map[string]struct{ frozen, out, err string }{
		"unwritten": {"sys.stdout.write('before ')", "before after",
			"['utf-8', 'surrogateescape', False]"},
		"its own errors": {"sys.stdout.reconfigure(errors='replace', line_buffering=True)", "after",
			"['utf-8', 'replace', True]"},
		"its own encoding": {"sys.stdout.reconfigure(encoding='ascii')", "after",
			"['ascii', 'strict', False]"},
	} {
		th := newThaw(t, "-c", "pass")
		th.resume, th.frozen, th.then = true, "import sys\n"+c.frozen, tell+"\nprint('after', end='')"
		if got := th.thawed(); got != (result{c.out, c.err, 0}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// The program may have looked at those that are closed, or come.
	for fd, want := range []string{0: "plain: stdin is closed", 2: "plain: stderr is closed"} {
		th := newThaw(t, "-c", "pass")
		th.resume, th.frozen = true, fmt.Sprintf("import os\nos.close(%d)", fd)
		if got := th.thawed(); want != "" && (got.out != want || got.status != 99) {
			t.Errorf("descriptor %d: %+v", fd, got)
		}
	}
	th := newThaw(t, "-c", "pass")
	th.resume, th.frozen = true, "import sys\nsys.stdin = sys.__stdin__ = None"
	if got := th.thawed(); got != (result{"plain: stdin was closed", "", 99}) {
		t.Errorf("%+v", got)
	}
	// Of a process that ran already, closed ones are gone, those that come are new.
	th = newThaw(t, "-c", "pass")
	th.resume, th.start = true, `exec "$@" 2>&-`
	th.config = func(c *Config) { c.Attached = true }
	th.frozen = "import sys\nsys.stdin = sys.__stdin__ = None\nmine = sys.stderr"
	th.then = "print(sys.stderr, sys.__stderr__, sys.stdin.name, sys.stdin is sys.__stdin__)"
	if got := th.thawed(); got.out != "None None <stdin> True\n" {
		t.Errorf("%+v", got)
	}
}

// Signals are as a plain interpreter would find them, but for what a module has set.
func TestSignalsLikePlain(t *testing.T) {
	const tell = `
import signal
for n in range(1, 65):
    try: h = signal.getsignal(n)
    except ValueError: continue
    print(n, getattr(h, '__name__', h) if callable(h) else h)`
	frozen := `
import signal, sys
def mine(*a): pass
for n in (1, 2, 10, 13, 17, 25):
    signal.signal(n, mine)
signal.signal(12, signal.SIG_IGN)
signal.signal(15, signal.SIG_DFL)
signal.set_wakeup_fd(-1)`
	for _, ignored := range [][]int{nil, {1}, {2}, {1, 2, 3, 15}, {10, 12, 13, 17, 25, 34}} {
		th := newThaw(t, "-c", tell)
		th.frozen = frozen
		var names []string
		for _, n := range ignored {
			th.ignored |= 1 << (n - 1)
			names = append(names, strconv.Itoa(n))
		}
		th.start = `exec env --ignore-signal=` + strings.Join(names, ",") + ` "$@"`
		if ignored == nil {
			th.start = `exec "$@"`
		}
		th.same()
	}
	// A handler of a module stays; one that a recipe resets does not.
	for _, reset := range []string{"", "SIGUSR1"} {
		th := newThaw(t, "-c", "import signal, mod\nprint(signal.getsignal(10) is mod.h)")
		th.file("mod.py", "import signal\ndef h(*a): pass\nsignal.signal(10, h)")
		th.frozen = "import sys\nsys.path.insert(0, '')\nimport mod"
		if reset != "" {
			th.recipe = &Recipe{resetSignals: []string{reset, "SIGNONE"}}
		}
		want := map[string]string{"": "True\n", "SIGUSR1": "False\n"}[reset]
		if got := th.thawed(); got.out != want {
			t.Errorf("reset %q: %+v", reset, got)
		}
	}
}
