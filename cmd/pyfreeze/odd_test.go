package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// oddStart is a way to start a program that is not the usual one.
type oddStart struct {
	name   string
	prefix []string // words before the interpreter's
	python []string // the interpreter and its options; Debian's if empty
	env    []string
	script string // odd.py if empty
	make   func(t *testing.T, o *oddStart, dir string)

	direct  bool   // pyfreeze itself is not started in that way: the loader loads no static program
	refused string // what attach and freeze say; "" if an image is made
	thaw    string // why an image does not thaw in a process that is started in the same way; "" if it does
	usual   string // why it does not in one that is started in the usual way
	into    string // why an image of the usual way does not thaw when pyfreeze is started in this one
	quiet   bool   // standard error is not compared
	needed  bool   // in the usual way the command does not start
}

func (o *oddStart) command(args ...string) command {
	c := append(append([]string{}, o.prefix...), o.python...)
	return command{argv: append(append(c, o.script), args...), env: o.env}
}

// pyfreeze runs pyfreeze itself in the odd way.
func (o *oddStart) pyfreeze(args ...string) command {
	prefix := o.prefix
	if o.direct {
		prefix = nil
	}
	return command{argv: append(append(append([]string{}, prefix...), binary), args...), env: o.env}
}

const loader = "/lib64/ld-linux-x86-64.so.2"

func oddStarts() []oddStart {
	limit := func(how string) []string { return []string{"bash", "-c", how + ` && exec "$@"`, "bash"} }
	py := func(options ...string) []string { return append([]string{python}, options...) }
	return []oddStart{
		{name: "no address space randomization", prefix: []string{"setarch", "-R"}},
		{name: "readable means executable", prefix: []string{"setarch", "-X"}},
		{name: "old memory layout", prefix: []string{"setarch", "-L"}},
		{name: "unlimited stack", prefix: limit("ulimit -s unlimited")},
		{name: "hard limit of the stack", prefix: limit("ulimit -Ss 256; ulimit -Hs 256")},
		{name: "soft limit of the stack", prefix: limit("ulimit -Ss 512")},
		{name: "LD_PRELOAD", make: preload, usual: "ld_preload was", into: "ld_preload was not set"},
		{name: "LD_PRELOAD with another malloc", make: preloadMalloc, usual: "ld_preload was", into: "ld_preload was not set"},
		{name: "LD_LIBRARY_PATH", make: libraryPath, usual: "ld_library_path was", into: "ld_library_path was not set"},
		{name: "a libpython that LD_LIBRARY_PATH finds", make: libpythonPath, usual: "ld_library_path was", needed: true},
		{name: "the loader by name", prefix: []string{loader}, direct: true},
		{name: "the loader with options", prefix: []string{loader, "--inhibit-cache"}, refused: "with options"},
		{name: "venv", make: venv(python)},
		{name: "venv of a shared libpython", make: venvOfPyenv},
		{name: "static PIE", make: staticPIE},
		{name: "static PIE without address space randomization", prefix: []string{"setarch", "-R"}, make: staticPIE},
		{name: "PYTHONHOME", make: pythonHome, usual: "pythonhome was", into: "pythonhome was not set"},
		{name: "a ._pth file", make: pth},
		{name: "PYTHONMALLOC=malloc", env: []string{"PYTHONMALLOC=malloc"}, usual: "pythonmalloc was", into: "pythonmalloc was not set"},
		{name: "PYTHONMALLOC=debug", env: []string{"PYTHONMALLOC=debug"}, usual: "pythonmalloc was", into: "pythonmalloc was not set"},
		{name: "PYTHONMALLOC=malloc_debug", env: []string{"PYTHONMALLOC=malloc_debug"}, usual: "pythonmalloc was", into: "pythonmalloc was not set"},
		{name: "-X importtime", python: py("-X", "importtime"), quiet: true},
		{name: "-X dev", python: py("-X", "dev")},
		{name: "-X faulthandler", python: py("-X", "faulthandler")},
		{name: "-X utf8 -W error", python: py("-X", "utf8", "-W", "error", "-b")},
		{name: "-O", python: py("-O")},
		{name: "-OO", python: py("-OO")},
		{name: "-I", python: py("-I")},
		{name: "-S", python: py("-S")},
		{name: "-E -s", python: py("-E", "-s")},
		{name: "-u", python: py("-u")},
		{name: "-P -B", python: py("-P", "-B")},
		{name: "-i", python: py("-i"), refused: "reads commands when its program has ended"},
		{name: "PYTHONINSPECT", env: []string{"PYTHONINSPECT=1"}, refused: "reads commands when its program has ended"},
		{name: "-x", python: py("-x"), refused: "leaves out the first line"},
	}
}

// TestLongOddStarts freezes programs that are started in odd ways, and thaws them in the same way
// and in the usual one: what comes of it is what the plain command does there, thawed or, for a
// reason that is told, not.
func TestLongOddStarts(t *testing.T) {
	for _, o := range oddStarts() {
		t.Run(o.name, func(t *testing.T) {
			if o.script == "" {
				o.script = program("odd.py")
			}
			if len(o.python) == 0 {
				o.python = []string{python}
			}
			if o.make != nil {
				o.make(t, &o, tempDir(t))
			}
			t.Run("exit", func(t *testing.T) { o.thaws(t, o.freeze) })
			t.Run("attach", func(t *testing.T) { o.thaws(t, o.attach) })
			if o.refused == "" && !o.needed && !o.direct && (len(o.prefix) > 0 || len(o.env) > 0) {
				t.Run("into", func(t *testing.T) {
					image := filepath.Join(tempDir(t), "i")
					usual := oddStart{python: o.python, script: o.script}
					usual.freeze(t, image).must(t, "exit 0")
					o.compare(t, image, o.into)
				})
			}
		})
	}
}

func (o *oddStart) thaws(t *testing.T, freeze func(t *testing.T, image string) outcome) {
	image := filepath.Join(tempDir(t), "i")
	got := freeze(t, image)
	if o.refused != "" {
		if strings.Contains(got.Stdout, "it cannot run again: ") && strings.Contains(got.Stdout, o.refused) {
			got.must(t, "exit 0") // but go on, which is of no use here
			return
		}
		got.must(t, "exit 6").oneLine(t, o.refused)
		mustNotExist(t, image)
		return
	}
	got.must(t, "exit 0")
	o.compare(t, image, o.thaw)
	usual := oddStart{python: o.python, script: o.script, quiet: o.quiet}
	usual.compare(t, image, o.usual)
}

// freeze lets pyfreeze start the program.
func (o *oddStart) freeze(t *testing.T, image string) outcome {
	argv := append(append([]string{binary, "freeze", "-o", image, "--at", "exit", "--"}, o.prefix...), o.python...)
	got := run(t, command{argv: append(append(argv, o.script), "first"), env: o.env})
	_, got.Stderr, _ = strings.Cut("\n"+got.Stderr, "\npyfreeze: ") // behind what the program said
	if got.Stderr != "" {
		got.Stderr = "pyfreeze: " + got.Stderr
	}
	return got
}

// attach freezes the program while it waits; then it must go on.
func (o *oddStart) attach(t *testing.T, image string) outcome {
	c := o.command("wait")
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	tg, err := startReady(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tg.finish(); err != nil {
			t.Error(err)
		}
	}()
	return attach(t, tg.pid(), image)
}

// compare runs the image and the plain command; reason says why the image is not thawed, if it is not.
func (o *oddStart) compare(t *testing.T, image, reason string) {
	t.Helper()
	for _, args := range [][]string{{"one", "two"}, {"asserts"}, {"crash"}} {
		log := newRunLog(t)
		plain := run(t, o.command(args...))
		c := o.pyfreeze(append([]string{"run", "-q", image}, args...)...)
		c.env = append(c.env, log.env())
		got := run(t, c)
		if o.quiet {
			plain.Stderr, got.Stderr = "", ""
		}
		same(t, plain, got)
		if reason != "" {
			log.fellBack(t, reason)
		} else {
			log.thawed(t, 1)
		}
	}
}
