package script

import (
	"strconv"
	"strings"
	"testing"
)

// about tells all that a program can see of how it was started.
const about = `
import os, sys
me = sys.modules['__main__']
print(sys.argv, sys.path[0], getattr(sys, 'orig_argv', [])[1:])
print(__name__, __doc__, __package__, __spec__ and __spec__.name, type(__loader__).__name__)
d = globals()
print(d.get('__file__'), d.get('__cached__'), sorted(vars(me)), me.__dict__ is d)
print(sorted(i for i in os.environ.items() if i[0] not in ('_', 'PWD', 'LC_CTYPE')))
print(os.environb[b'HOME'], os.getenv('HOME'))
`

// A program that runs again sees what a plain start would give it: as a script, a module, a
// command, from anywhere, in every version of Python.
func TestAgainLikePlain(t *testing.T) {
	each(t, func(t *testing.T, exe string) {
		for _, argv := range map[string][]string{
			"script":   {"about.py", "a", "b c"},
			"below":    {"./sub/about.py"},
			"module":   {"-m", "about", "x"},
			"package":  {"-m", "pack", "-m"},
			"command":  {"-c", about, "-c", ""},
			"no name":  {"--", "about.py"},
			"odd name": {"öß y.txt", ""},
		} {
			th := newThaw(t, argv...)
			th.exe = exe
			for _, f := range []string{"about.py", "sub/about.py", "pack/__main__.py", "öß y.txt"} {
				th.file(f, "'a word'\n"+about)
			}
			th.file("pack/__init__.py", "")
			th.frozen = "import os, sys\nsys.argv = [os.fsdecode(b'old')]\nleft = 1"
			if strings.HasPrefix(argv[0], "-m") {
				th.frozen += "\nimport runpy"
			}
			th.env = append(th.env, "NEW=x=y", "ODD=\xff")
			th.same()
		}
	})
}

// The script that was compiled at the freeze runs, unless the file is another one by now.
func TestCompiledScript(t *testing.T) {
	for then, want := range map[string]string{"print('one')": "one", "print('another')": "another"} {
		th := newThaw(t)
		th.script = th.file("s.py", "print('one')")
		th.argv = []string{th.script}
		th.frozen = "open(" + strconv.Quote(th.script) + ", 'r+').write(" + strconv.Quote(then) + ")" +
			"\nimport os\nst = os.stat(" + strconv.Quote(th.script) + ")"
		if want == "one" {
			th.frozen = ""
		}
		if got := th.thawed(); got.out != want+"\n" || got.status != 0 {
			t.Errorf("%s: %+v", then, got)
		}
	}
}

// endings are the ways in which a program can end, with what it prints on its way.
var endings = map[string]string{
	"the end":        "print('out')",
	"exit":           "import sys; sys.exit(3)",
	"exit 256":       "import sys; sys.exit(256)",
	"exit -1":        "import sys; sys.exit(-1)",
	"exit huge":      "import sys; sys.exit(1 << 80)",
	"exit None":      "raise SystemExit",
	"exit True":      "import sys; sys.exit(True)",
	"exit words":     "import sys; print('out'); sys.exit('words')",
	"exit a tuple":   "import sys; sys.exit((1, 2))",
	"exit class":     "class E(SystemExit): pass\nraise E(7)",
	"exit no code":   "class E(SystemExit): code = None\nraise E(7)",
	"an exception":   "def f(): raise ValueError('no')\nprint('out')\nf()",
	"a chain":        "try: 1/0\nexcept ZeroDivisionError as e: raise KeyError(1) from e",
	"syntax":         "print(1\n",
	"interrupt":      "print('out')\nraise KeyboardInterrupt",
	"interrupt hook": "import sys\nsys.excepthook = lambda *a: print('hook')\nraise KeyboardInterrupt",
	"a hook":         "import sys\nsys.excepthook = lambda *a: print('hook', a[0])\n1/0",
	"a bad hook":     "import sys\ndef h(*a): raise KeyError(2)\nsys.excepthook = h\n1/0",
	"exit in a hook": "import sys\nsys.excepthook = lambda *a: print('hook')\nsys.exit(4)",
	"atexit":         "import atexit\natexit.register(print, 1)\natexit.register(print, 2)\nprint(0)",
	"atexit fails": "import atexit\natexit.register(print, 1)\n" +
		"atexit.register(lambda: 1/0)\nprint(0)",
	"atexit exits": "import atexit, sys\ndef f(): sys.exit(9)\natexit.register(f)\n" +
		"atexit.register(print, 'x')\nsys.exit(2)",
	"a thread": "import threading, time\n" +
		"threading.Thread(target=lambda: (time.sleep(.05), print('t'))).start()\nprint('m')",
	"a daemon": "import threading, time\n" +
		"threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\nprint('m')",
	"threads then atexit": "import atexit, threading, time\natexit.register(print, 'a')\n" +
		"threading.Thread(target=lambda: (time.sleep(.05), print('t'))).start()",
	"not flushed":     "import sys\nf = open('f', 'w')\nf.write('text')\nsys.stderr.write('e')",
	"in __del__":      "class C:\n def __del__(self): print('del', self.n)\na = C(); a.n = 1",
	"stdout closed":   "import sys\nsys.stdout.close()",
	"stdout is None":  "import sys\nsys.stdout = None\nprint('x')",
	"stdout replaced": "import io, sys\nprint('a')\nsys.stdout = io.StringIO()\nprint('b')",
	"pid":             "import os\nif os.fork() == 0: print('child'); os._exit(0)\nos.wait()",
}

// Every ending looks like that of a plain interpreter: output, errors, status, files.
func TestEndings(t *testing.T) {
	for name, program := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, how := range []string{"script", "command"} {
				th := newThaw(t, "-c", program)
				if how == "script" {
					th.argv = []string{th.file("p.py", program)}
					th.script = th.argv[0]
				}
				th.frozen = "import threading, atexit"
				want := th.plain()
				wrote, _ := th.readFile("f")
				_ = th.file("f", "")
				got := th.thawed()
				now, _ := th.readFile("f")
				if got != want || now != wrote {
					t.Errorf("%s:\nplain  %+v %q\nthawed %+v %q", how, want, wrote, got, now)
				}
			}
		})
	}
}

// What the frozen run has registered is not called again: its own atexit handlers. Those of
// modules, which are not loaded again, are.
func TestHandlersOfTheFrozenRun(t *testing.T) {
	th := newThaw(t, "-c", "import atexit\natexit.register(print, 'new')")
	th.file("mod.py", "import atexit\natexit.register(lambda: print('mod'))")
	th.frozen = `
import atexit, functools, sys
sys.path.insert(0, '')
import mod
def bye(*a): print('old')
class C:
    def m(self): print('old')
atexit.register(bye)
atexit.register(functools.partial(bye, 1))
atexit.register(C().m)`
	if got := th.thawed(); got.out != "new\nmod\n" || got.status != 0 {
		t.Errorf("%+v", got)
	}
}
