package script

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"pyfreeze/restore/captured"
	"pyfreeze/restore/guard"
)

// thawScript is the Python part of a thaw; see its first lines.
//
//go:embed thaw.py
var thawScript string

//go:embed thaw_cold.py
var thawColdScript string

// beforeScript runs the program's hooks at the freeze; see its first lines.
//
//go:embed before.py
var beforeScript string

// recipeCompiler is a part of the programs below.
const recipeCompiler = `
import ast, sys, json, marshal, os
j = json.load(sys.stdin)
def recipe(source):
    # What it declares for pyfreeze, and its warm(), need not be loaded in each thaw.
    tree = ast.parse(source)
    constant = ast.Constant, ast.Tuple, ast.Load
    def plain(n):
        return (isinstance(n, ast.Assign) and all(isinstance(t, ast.Name) for t in n.targets)
                and all(isinstance(v, constant) for v in ast.walk(n.value)))
    targets = {id(t) for n in tree.body if plain(n) for t in n.targets}
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    used = {n.id for n in names if id(n) not in targets} | {'thaw'}
    used.update(name for n in ast.walk(tree) if isinstance(n, ast.Global) for name in n.names)
    def needed(n):
        if isinstance(n, ast.Import) and all(a.name in ('sys', 'os') and not a.asname for a in n.names):
            return False  # they are there, and a hook of the program's might see the import
        if isinstance(n, ast.FunctionDef):
            return n.name in used or n.decorator_list
        return not plain(n) or any(t.id in used for t in n.targets)
    tree.body = [n for n in tree.body if needed(n)]
    return compile(tree, '<pyfreeze recipe>', 'exec', dont_inherit=True)
`

// codeCompiler runs in a plain, isolated interpreter of the same build and turns the thaw script
// into what PyMarshal_ReadObjectFromString takes.
const codeCompiler = recipeCompiler + `
code = compile(j['thaw'], '<pyfreeze>', 'exec', dont_inherit=True)
cold = marshal.dumps(compile(j['cold'], '<pyfreeze>', 'exec', dont_inherit=True))
sys.stdout.buffer.write(marshal.dumps((code, cold, tuple(recipe(r) for r in j['recipes']))))
`

// beforeCompiler does the same with what runs the program's hooks at the freeze.
const beforeCompiler = `
import sys, json, marshal
code = compile(json.load(sys.stdin)['before'], '<pyfreeze>', 'exec', dont_inherit=True)
sys.stdout.buffer.write(marshal.dumps(code))
`

// configCompiler does the same with recipes that are not shipped, and what the script is told.
const configCompiler = recipeCompiler + `
recipes = tuple(r if type(r) is int else recipe(r) for r in j['recipes'])
config = j['config']
config['version'] = tuple(sys.version_info[:2])
config['script_code'] = config['script_stat'] = None
told = []
sys.addaudithook(lambda event, args: told.append(event))
marshal.loads(marshal.dumps(told))
config['loads_told'] = 'marshal.loads' in told  # 3.10, and later ones of 3.9
if j['script']:
    path = j['script']
    try:
        st = os.stat(path)
        with open(path, 'rb') as f:
            config['script_code'] = compile(f.read(), path, 'exec', dont_inherit=True, optimize=j['optimize'])
        config['script_stat'] = (path, st.st_size, st.st_mtime_ns, os.path.dirname(os.path.realpath(path)),
                                 st.st_ino, st.st_ctime_ns)
    except (OSError, SyntaxError, ValueError):
        pass
for name in ('home', 'tmpdir', 'tz', 'pythonpath', 'userbase', 'io_encoding'):
    config[name] = None if config[name] is None else config[name].encode('utf-8', 'surrogateescape')
def encoded(v):
    return None if v is None else v.encode('utf-8', 'surrogateescape')
config['shell'] = {encoded(k): encoded(v) for k, v in (config['shell'] or {}).items()}
config['locale'] = [encoded(v) for v in config['locale']]
config['zone'] = config['zone'] and tuple(config['zone'])
from binascii import a2b_base64
for name in ('changes', 'put'):
    config[name] = tuple((a2b_base64(c['name']), None if c['value'] is None else a2b_base64(c['value'])) for c in config[name] or ())
import signal
config['fresh_signals'] = [int(getattr(signal, n)) for n in j['signals'] if hasattr(signal, n)]
sys.stdout.buffer.write(marshal.dumps((recipes, config)))
`

// Config is what the thaw script is told of the frozen process.
type Config struct {
	Resume          bool     `json:"resume"`           // the program goes on at its point
	PID             int      `json:"pid"`              // of the frozen process, in its own namespace
	InterpreterArgs int      `json:"interpreter_args"` // words of the command line before the script
	Path0           *string  `json:"path0"`            // sys.path[0] as the command line gave it
	Attached        bool     `json:"attached"`         // it ran already when it was copied
	Threads         bool     `json:"threads"`          // they are there, as before a fork
	SafePath        bool     `json:"safe_path"`
	BufferedStdio   bool     `json:"buffered_stdio"`
	TTYs            []bool   `json:"ttys"`       // which of the standard streams are terminals
	Ignored         uint64   `json:"ignored"`    // signals that were ignored at the start
	Script          string   `json:"script"`     // as it was given; "" for -m and -c
	Learned         bool     `json:"learned"`    // it has code of modules that it may import
	Generators      bool     `json:"generators"` // of random numbers, that are seeded anew
	Seeded          []uint32 `json:"seeded"`     // state of random._inst, where the program has seeded it
	Hooks           bool     `json:"hooks"`      // it may have registered what is to be called after a thaw
	// Variables of its environment.
	Home       *string    `json:"home"`
	Tz         *string    `json:"tz"`
	PythonPath *string    `json:"pythonpath"`
	UserBase   *string    `json:"userbase"`
	Tmpdir     *string    `json:"tmpdir"`
	IOEncoding *string    `json:"io_encoding"`
	Locale     [3]*string `json:"locale"`
	Zone       []uint64   `json:"zone"` // inode, size and time of /etc/localtime; nil: there is none
	// What the recipe asked for.
	Env   map[string]*string `json:"env"`
	Count map[string]int     `json:"count"`

	Copies  []captured.Copy      `json:"copies"`
	Changes []captured.EnvChange `json:"changes"` // of the environment, by the program
	Put     []captured.EnvChange `json:"put"`     // and for its children alone

	Shell    map[string]*string `json:"shell"`    // what told where a shell was: guard.OfShell
	Environs int                `json:"environs"` // how many of the objects have taken the environment; the first ones
	Local    *string            `json:"local"`    // the working directory, if modules of it are loaded
}

// Code compiles the thaw script and the recipes that are shipped, as [Compile] does what it is
// told.
func Code(ctx context.Context, exe string, environ []string) ([]byte, error) {
	shipped, err := shippedSources()
	if err != nil {
		return nil, err
	}
	return compile(ctx, exe, environ, codeCompiler,
		map[string]any{"thaw": thawScript, "cold": thawColdScript, "recipes": shipped})
}

// Magic tells byte code and version of the interpreter at exe: the magic number of its .pyc files
// in hexadecimal, and sys.hexversion.
func Magic(ctx context.Context, exe string, environ []string) (string, error) {
	out, err := compile(ctx, exe, environ, `import sys
from _frozen_importlib_external import MAGIC_NUMBER
print(MAGIC_NUMBER.hex(), sys.hexversion)`, nil)
	return strings.TrimSpace(string(out)), err
}

// Before compiles what runs the program's hooks at the freeze, as [Code] does.
func Before(ctx context.Context, exe string, environ []string) ([]byte, error) {
	return compile(ctx, exe, environ, beforeCompiler, map[string]any{"before": beforeScript})
}

// Compile compiles recipes that are not shipped, and what the thaw script is told with the
// interpreter at exe, which never is the target itself. environ is the target's: without some
// variables the interpreter might not find its libraries.
func Compile(ctx context.Context, exe string, rec *Recipe, script string, optimized int, environ []string, cfg Config) ([]byte, error) {
	shipped, err := shippedSources()
	if err != nil {
		return nil, err
	}
	signals, recipes := append([]string{}, rec.resetSignals...), []any{}
	for _, source := range rec.sources {
		if n := slices.Index(shipped, source); n >= 0 {
			recipes = append(recipes, n)
		} else {
			recipes = append(recipes, source)
		}
	}
	return compile(ctx, exe, environ, configCompiler,
		map[string]any{"recipes": recipes, "script": script, "signals": signals,
			"optimize": optimized, "config": cfg})
}

// compile runs a program of Python with the interpreter at exe, and returns what it writes.
func compile(
	ctx context.Context, exe string, environ []string, program string, input map[string]any,
) ([]byte, error) {
	in, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	flags, env := "-I", slices.DeleteFunc(os.Environ(), func(e string) bool { return len(guard.Variables([]string{e}, nil)) > 0 })
	for _, name := range []string{"LD_LIBRARY_PATH", "PYTHONHOME"} {
		if v := guard.Lookup(environ, name); v != nil && *v != "" {
			env = append(env, name+"="+*v)
			if name == "PYTHONHOME" {
				flags = "-s" // -I would leave it out
			}
		}
	}
	cmd := exec.CommandContext(ctx, exe, flags, "-S", "-B", "-c", program)
	cmd.Stdin, cmd.Dir = bytes.NewReader(in), "/"
	cmd.Env = append(env, "LC_ALL=C.UTF-8")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("compiling the thaw script with %s: %w: %s", exe, err, lastLine(stderr.String()))
	}
	return out.Bytes(), nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
