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

// scriptCompiler runs in a plain, isolated interpreter of the same build and turns
// scripts and configuration into what PyMarshal_ReadObjectFromString takes.
const scriptCompiler = `
import sys, json, marshal, os
j = json.load(sys.stdin)
code = compile(j['thaw'], '<pyfreeze>', 'exec', dont_inherit=True)
recipes = tuple(compile(r, '<pyfreeze recipe>', 'exec', dont_inherit=True) for r in j['recipes'])
config = j['config']
config['version'] = tuple(sys.version_info[:2])
config['script_code'] = config['script_stat'] = None
if j['script']:
    path = os.path.abspath(j['script'])
    try:
        st = os.stat(path)
        with open(path, 'rb') as f:
            config['script_code'] = compile(f.read(), path, 'exec', dont_inherit=True, optimize=j['optimize'])
        config['script_stat'] = (path, st.st_size, st.st_mtime_ns, os.path.dirname(os.path.realpath(path)))
    except (OSError, SyntaxError, ValueError):
        pass
config['cold'] = marshal.dumps(compile(j['cold'], '<pyfreeze>', 'exec', dont_inherit=True))
config['stdio'] = ((0, 'stdin__'), (1, 'stdout__'), (2, 'stderr__'))
config['stdio_names'] = ('<stdin>', '<stdout>', '<stderr>')
config['coercion_targets'] = ('C', 'POSIX', 'C.UTF-8', 'C.utf8', 'UTF-8')
for name in ('home', 'tmpdir', 'tz', 'pythonpath', 'userbase', 'io_encoding'):
    config[name] = None if config[name] is None else config[name].encode('utf-8', 'surrogateescape')
def encoded(v):
    return None if v is None else v.encode('utf-8', 'surrogateescape')
config['locale'] = [encoded(v) for v in config['locale']]
config['zone'] = config['zone'] and tuple(config['zone'])
from binascii import a2b_base64
config['changes'] = tuple((a2b_base64(c['name']), None if c['value'] is None else a2b_base64(c['value'])) for c in config['changes'] or ())
import signal
config['signals'] = tuple(n for n in range(1, int(signal.NSIG)) if n not in (9, 19) and n not in range(32, int(signal.SIGRTMIN)))
config['ignored_signals'] = (int(signal.SIGPIPE), int(signal.SIGXFSZ))
config['fresh_signals'] = [int(getattr(signal, n)) for n in j['signals'] if hasattr(signal, n)]
sys.stdout.buffer.write(marshal.dumps((code, recipes, config)))
`

// Config is what the thaw script is told of the frozen process.
type Config struct {
	Resume          bool    `json:"resume"`           // the program goes on at its point
	InterpreterArgs int     `json:"interpreter_args"` // words of the command line before the script
	Path0           *string `json:"path0"`            // sys.path[0] as the command line gave it
	Threads         bool    `json:"threads"`          // they are there: nothing has been done as after a fork
	SafePath        bool    `json:"safe_path"`
	BufferedStdio   bool    `json:"buffered_stdio"`
	TTYs            []bool  `json:"ttys"`    // which of the standard streams are terminals
	Ignored         uint64  `json:"ignored"` // signals that were ignored at the start
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
	Local   *string              `json:"local"`   // the working directory, if modules of it are loaded
}

// Compile compiles the thaw script and the recipes with the interpreter at exe,
// which never is the target itself. environ is the target's: without some variables the interpreter might not find its libraries.
func Compile(ctx context.Context, exe string, rec *Recipe, script string, optimized int, environ []string, cfg Config) ([]byte, error) {
	signals, recipes := rec.resetSignals, rec.sources
	if signals == nil {
		signals = []string{}
	}
	if recipes == nil {
		recipes = []string{}
	}
	in, err := json.Marshal(map[string]any{"thaw": thawScript, "cold": thawColdScript, "recipes": recipes, "script": script, "signals": signals, "optimize": optimized, "config": cfg})
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
	cmd := exec.CommandContext(ctx, exe, flags, "-S", "-B", "-c", scriptCompiler)
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
