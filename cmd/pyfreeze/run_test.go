package main

import (
	"strings"
	"testing"
)

// The tests of this file run small programs by `python3.11 -c` and by `pyfreeze run -c` on the image
// of target.py: everything that a parent sees must be the same.

// sameRun runs a program both ways: flags are python's own ("-c", code) and pyfreeze run's. The second
// must thaw.
func sameRun(t *testing.T, flags []string, c command) {
	t.Helper()
	log := newRunLog(t)
	c.env = append(c.env, log.env())
	sameRunOrPlain(t, flags, c)
	log.thawed(t, 1)
}

// sameRunOrPlain is sameRun for what Python itself refuses to run, such as a script that does not
// exist: the message must be the same, whether it comes from a thawed or a plain start.
func sameRunOrPlain(t *testing.T, flags []string, c command) {
	t.Helper()
	image, args := pythonImage(t), c.argv
	c.argv = append(append([]string{python}, strip(flags, "--entry")...), args...)
	plain := run(t, c)
	c.argv = append(append(append([]string{binary, "run"}, flags...), image), args...)
	same(t, plain, run(t, c))
	if t.Failed() {
		t.Logf("plain: %v", plain)
	}
}

// strip drops what only pyfreeze wants: python takes a script without a flag.
func strip(flags []string, flag string) []string {
	var rest []string
	for _, f := range flags {
		if f != flag {
			rest = append(rest, f)
		}
	}
	return rest
}

// sameCode runs Python code both ways, with the lines joined.
func sameCode(t *testing.T, c command, lines ...string) {
	t.Helper()
	sameRun(t, []string{"-c", strings.Join(lines, "\n")}, c)
}

func TestRunExitCodes(t *testing.T) {
	for _, code := range []string{
		"pass", "import sys; sys.exit()", "import sys; sys.exit(0)", "import sys; sys.exit(3)", "import sys; sys.exit(255)",
		"import sys; sys.exit(256)", "import sys; sys.exit(-1)", "import sys; sys.exit(2**70)", "import sys; sys.exit('a message')",
		"import sys; sys.exit(None)", "import sys; sys.exit([1, 2])", "raise SystemExit(4)", "exit(5)", "quit()",
		"import os; os._exit(6)", "import os; os.abort()", "1/0", "raise KeyboardInterrupt",
		"import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
		"import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(5)",
		"import atexit, os; atexit.register(os._exit, 7)", "import ctypes; ctypes.string_at(0)",
		"class E(Exception):\n def __str__(self): raise ValueError\nraise E", "import threading, sys; threading.Thread(target=sys.exit, args=(3,)).start()",
	} {
		t.Run(code, func(t *testing.T) { sameCode(t, command{}, code) })
	}
	t.Run("syntax error", func(t *testing.T) { sameRunOrPlain(t, []string{"-c", "syntax error"}, command{}) })
}

func TestRunTracebacks(t *testing.T) {
	for name, lines := range map[string][]string{
		"nested":     {"def f(n):", " return f(n - 1) if n else 1 / 0", "f(3)"},
		"chained":    {"try:", " {}['x']", "except KeyError as e:", " raise ValueError('y') from e"},
		"context":    {"try:", " {}['x']", "except KeyError:", " undefined"},
		"group":      {"raise ExceptionGroup('several', [ValueError(1), TypeError(2)])"},
		"recursion":  {"import sys", "def f(): f()", "try: f()", "except RecursionError as e: print(e)", "sys.setrecursionlimit(50)", "f()"},
		"deep":       {"def f(n): return n and 1 + f(n - 1)", "print(f(950))"},
		"thread":     {"import threading", "t = threading.Thread(target=lambda: 1/0, name='worker')", "t.start(); t.join()"},
		"unraisable": {"class D:", " def __del__(self): raise ValueError('in del')", "d = D(); del d", "import gc; gc.collect()"},
		"at exit":    {"import atexit", "atexit.register(lambda: 1/0)", "atexit.register(print, 'first')", "print('last')"},
		"hook":       {"import sys", "sys.excepthook = lambda *a: print('hook', a[0].__name__, a[1])", "1/0"},
		"stdlib":     {"import json", "json.loads('{')"},
		"bytes":      {"b'\\xff'.decode()"},
		"notes":      {"e = ValueError('x'); e.add_note('a note'); raise e"},
		"warning":    {"import warnings", "warnings.warn('careful')", "def f(): warnings.warn('again', DeprecationWarning)", "f()"},
		"name hint":  {"import sys", "prnt('x')"},
		"import":     {"import nosuchmodule"},
		"from":       {"from json import nosuchname"},
	} {
		t.Run(name, func(t *testing.T) { sameCode(t, command{}, lines...) })
	}
}

func TestRunFreshState(t *testing.T) {
	for name, lines := range map[string][]string{
		"argv":        {"import sys", "print(sys.argv, sys.orig_argv[2:])"},
		"environ":     {"import os", "print(sorted((k, v) for k, v in os.environ.items()))", "print(os.environb[b'GIVEN'])", "os.system('echo $GIVEN')"},
		"setenv":      {"import os", "os.environ['NEW'] = 'x'; del os.environ['GIVEN']", "os.system('echo $NEW-$GIVEN-')", "print(os.getenv('GIVEN'))"},
		"cwd":         {"import os, pathlib", "print(os.getcwd(), pathlib.Path('.').resolve(), os.path.abspath('x'))"},
		"path":        {"import sys", "print(sys.path, sys.path[0] == '')"},
		"flags":       {"import sys", "print(sys.flags, sys._xoptions, sys.warnoptions, sys.executable, sys.prefix, sys.base_prefix)"},
		"main":        {"import sys", "m = sys.modules['__main__']", "print(sorted(vars(m)), __name__, m.__loader__, m.__spec__, m.__package__)"},
		"proc":        {"print(open('/proc/self/comm').read(), __import__('os').readlink('/proc/self/exe'))"},
		"descriptors": {"import os", "print(sorted(map(int, os.listdir('/proc/self/fd'))))", "os.system('ls /proc/self/fd | wc -l')"},
		"streams": {"import sys", "for s in sys.stdin, sys.stdout, sys.stderr:",
			" print(s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty(), s.fileno(), s.buffer.raw.mode)",
			"print(sys.stdout is sys.__stdout__, sys.stdin is sys.__stdin__, sys.stderr is sys.__stderr__)"},
		"encodings": {"import sys, locale", "print(sys.getfilesystemencoding(), locale.getpreferredencoding(), locale.getlocale(), locale.setlocale(locale.LC_ALL))"},
		"signals": {"import signal", "for s in sorted(signal.valid_signals()): print(s, signal.getsignal(s))", "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.getitimer(0), signal.sigpending())",
			"print([l for l in open('/proc/self/status') if l.startswith(('SigBlk', 'SigIgn', 'SigCgt'))])"},
		"threads": {"import threading", "t = threading.main_thread()", "print(threading.enumerate(), threading.current_thread() is t, t.ident == threading.get_ident(), t.native_id == __import__('os').getpid())"},
		"gc":      {"import gc", "print(gc.isenabled(), gc.get_threshold(), gc.garbage, gc.collect() >= 0)"},
		"limits":  {"import resource, os, sys", "print(resource.getrlimit(resource.RLIMIT_NOFILE), sys.getrecursionlimit(), oct(os.umask(0)))"},
		"zone":    {"import time", "print(time.tzname, time.timezone, time.strftime('%H:%M %Z', time.localtime(0)))"},
		"trace":   {"import sys, tracemalloc, faulthandler", "print(sys.gettrace(), sys.getprofile(), tracemalloc.is_tracing(), faulthandler.is_enabled())"},
		"hash":    {"print(hash('x') == hash('x'), __import__('site').USER_BASE, len({str(i) for i in range(1000)}))"},
		"exiting": {"import sys", "print('no newline', end='')", "sys.stderr.write('nor here')"},
	} {
		t.Run(name, func(t *testing.T) {
			sameCode(t, command{argv: []string{"a", "--flag", "-v", "caf\u00e9", "", "two words"}, dir: tempDir(t), env: []string{"GIVEN=caf\u00e9", "TZ=America/New_York"}}, lines...)
		})
	}
}

// TestRunEnvironmentOfPython sets what Python looks at when it starts. Thawed or not: same behaviour.
func TestRunEnvironmentOfPython(t *testing.T) {
	image := pythonImage(t)
	code := "import sys, os, locale, warnings\nprint(sys.flags, sys.path, sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering, " +
		"sys.stdout.write_through, sys.getfilesystemencoding(), hash('x') == hash('x'), sys.warnoptions, sys.dont_write_bytecode, ascii(sys.argv))\nwarnings.warn('w')"
	for _, env := range []string{
		"PYTHONPATH=/nowhere", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0", "PYTHONWARNINGS=ignore", "PYTHONIOENCODING=latin-1:replace",
		"PYTHONUTF8=1", "PYTHONUTF8=0", "LC_ALL=C", "LC_ALL=POSIX", "LANG=C", "LANG=", "LC_CTYPE=nosuch", "PYTHONOPTIMIZE=1", "PYTHONDEVMODE=1",
		"PYTHONNOUSERSITE=1", "PYTHONUSERBASE=/nowhere", "PYTHONSAFEPATH=1", "PYTHONFAULTHANDLER=1", "PYTHONINSPECT=", "HOME=/nowhere",
	} {
		t.Run(env, func(t *testing.T) {
			c := command{env: []string{env, newRunLog(t).env()}}
			c.argv = []string{python, "-c", code, "caf\u00e9"}
			plain := run(t, c)
			c.argv = []string{binary, "run", "-c", code, image, "caf\u00e9"}
			same(t, plain, run(t, c))
		})
	}
}
