package script

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"pyfreeze/restore/captured"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/target"
)

// driver does what the loader stub does with a compiled thaw script: see stub/src/python.c. Its
// argument says what was frozen, and what the thaw is given.
const driver = `
def drive():
    import json, marshal, os, posix, sys
    told = json.loads(sys.argv[1])
    with open(told['code'], 'rb') as f:
        code, cold, shipped = marshal.loads(f.read())
    with open(told['config'], 'rb') as f:
        recipes, config = marshal.loads(f.read())
    if not config['safe_path']:
        sys.path[0] = config['path0']
    exec(told['frozen'], sys.modules['__main__'].__dict__)
    for name in list(posix.environ):  # those of the C library alone
        posix.unsetenv(name)
    for word in reversed(told['env']):
        name, eq, value = bytes.fromhex(word).partition(b'=')
        if name and eq:
            posix.putenv(name, value)
    words = [bytes.fromhex(w) + b'\0' for w in told['argv'] + told['env']]
    g = {'__builtins__': __builtins__, 'strings': b''.join(words), 'argc': len(told['argv']),
         'ignored': told['ignored'], 'flags': 0, 'recipe_code': recipes, 'config': config,
         'cold_code': cold, 'shipped_recipes': shipped, 'modules': sys.modules}
    exec(code, g)
    if 'fallback' in g:
        os.write(1, ('plain: ' + g['fallback']).encode())
        os._exit(99)
    if config['resume']:
        return exec(told['then'], sys.modules['__main__'].__dict__)
    del sys.modules['json']  # the driver's own
    try:
        if 'run_code' in g:
            exec(g['run_code'], g['run_args'])
        else:
            g['run'](*g['run_args'])
    except BaseException as e:
        g['raised'] = e.with_traceback(e.__traceback__.tb_next)
    g['finish']()
drive()
`

// thaw is a frozen program, and a run of it. What both have in common is what a plain interpreter
// is started with, too, to compare.
type thaw struct {
	t       *testing.T
	exe     string
	options []string // of the interpreter
	frozen  string   // what the frozen program has done
	script  string   // its file
	resume  bool
	then    string   // what a program that goes on does
	old     []string // the environment at the freeze
	env     []string // at the thaw
	argv    []string // behind the options
	recipe  *Recipe
	config  func(*Config)
	dir     string
	start   string // a line of the shell that starts what is run
	ignored uint64
}

// newThaw is a thaw with what most have.
func newThaw(t *testing.T, argv ...string) *thaw {
	t.Helper()
	dir := t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8", "TZ=UTC"}
	return &thaw{t: t, exe: target.Debian, dir: dir, argv: argv, old: env, env: env,
		recipe: &Recipe{}, start: `exec "$@"`}
}

// result is how a process ended.
type result struct {
	out, err string
	status   int
}

// address is one of an object, which no two processes share.
var address = regexp.MustCompile(`\b0x[0-9a-f]{6,}`)

// run starts a command in the thaw's directory.
func (th *thaw) run(env []string, argv ...string) result {
	th.t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"-c", th.start, "sh", th.exe}, argv...)...)
	cmd.Dir, cmd.Env = th.dir, env
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		th.t.Fatal(err)
	}
	status := cmd.ProcessState.ExitCode()
	if status < 0 {
		status = 128 + int(cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
	}
	plain := func(b bytes.Buffer) string { return address.ReplaceAllString(b.String(), "0x") }
	return result{plain(out), plain(stderr), status}
}

// plain runs the same in a plain interpreter.
func (th *thaw) plain() result {
	th.t.Helper()
	return th.run(th.env, append(append([]string{}, th.options...), th.argv...)...)
}

// thawed runs the thaw script.
func (th *thaw) thawed() result {
	th.t.Helper()
	get := func(name string) *string { return guard.Lookup(th.old, name) }
	what, err := guard.ParseCmdline(append(append([]string{th.exe}, th.options...), th.argv...))
	if err != nil {
		th.t.Fatal(err)
	}
	path0 := what.Path0(th.dir)
	cfg := Config{Resume: th.resume, InterpreterArgs: len(what.Interp), Path0: &path0,
		BufferedStdio: !what.HasOption('u'), TTYs: make([]bool, 3), Home: get("HOME"), Tz: get("TZ"),
		SafePath: what.HasOption('P') || what.HasOption('I'), PythonPath: get("PYTHONPATH"),
		UserBase: get("PYTHONUSERBASE"), Tmpdir: get("TMPDIR"), IOEncoding: get("PYTHONIOENCODING"),
		Locale: [3]*string{get("LC_ALL"), get("LC_CTYPE"), get("LANG")},
		Env:    map[string]*string{}, Count: map[string]int{}, Copies: []captured.Copy{}}
	if th.config != nil {
		th.config(&cfg)
	}
	code, err := Code(context.Background(), th.exe, th.old)
	if err != nil {
		th.t.Fatal(err)
	}
	config, err := Compile(context.Background(), th.exe, th.recipe, th.script, 0, th.old, cfg)
	if err != nil {
		th.t.Fatal(err)
	}
	dir := th.t.TempDir()
	for name, data := range map[string][]byte{"code": code, "config": config} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			th.t.Fatal(err)
		}
	}
	told, err := json.Marshal(map[string]any{"code": filepath.Join(dir, "code"),
		"config": filepath.Join(dir, "config"), "frozen": th.frozen, "then": th.then,
		"argv": hexes(append(append([]string{th.exe}, th.options...), th.argv...)),
		"env":  hexes(th.env), "ignored": th.ignored})
	if err != nil {
		th.t.Fatal(err)
	}
	return th.run(th.old, append(append([]string{}, th.options...), "-c", driver, string(told))...)
}

// hexes writes words, which need not be text, so that JSON takes them.
func hexes(words []string) (out []string) {
	for _, w := range words {
		out = append(out, hex.EncodeToString([]byte(w)))
	}
	return out
}

// same runs both, and compares.
func (th *thaw) same() {
	th.t.Helper()
	want, got := th.plain(), th.thawed()
	if want != got {
		th.t.Errorf("%s %q:\nplain  %+v\nthawed %+v", th.exe, th.argv, want, got)
	}
}

// file writes a file into the directory of the thaw, and returns its path.
func (th *thaw) file(name, text string) string {
	th.t.Helper()
	path := filepath.Join(th.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		th.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		th.t.Fatal(err)
	}
	return path
}

// each runs a test with every interpreter.
func each(t *testing.T, test func(t *testing.T, exe string)) {
	for _, exe := range target.Interpreters(t) {
		t.Run(strings.ReplaceAll(exe[1:], "/", "-"), func(t *testing.T) {
			t.Parallel()
			test(t, exe)
		})
	}
}

// readFile reads a file of the directory of the thaw.
func (th *thaw) readFile(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(th.dir, name))
	return string(b), err
}
