package restore

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
for name in ('home', 'tmpdir', 'tz', 'pythonpath', 'userbase'):
    config[name] = None if config[name] is None else config[name].encode('utf-8', 'surrogateescape')
from binascii import a2b_base64
config['changes'] = tuple((a2b_base64(c['name']), None if c['value'] is None else a2b_base64(c['value'])) for c in config['changes'] or ())
import signal
config['signals'] = tuple(n for n in range(1, int(signal.NSIG)) if n not in (9, 19) and n not in range(32, int(signal.SIGRTMIN)))
config['ignored_signals'] = (int(signal.SIGPIPE), int(signal.SIGXFSZ))
config['fresh_signals'] = [int(getattr(signal, n)) for n in j['signals'] if hasattr(signal, n)]
sys.stdout.buffer.write(marshal.dumps((code, recipes, config)))
`

// scriptConfig is what the thaw script is told of the frozen process.
type scriptConfig struct {
	InterpreterArgs int     `json:"interpreter_args"` // words of the command line before the script
	Path0           *string `json:"path0"`            // sys.path[0] as the command line gave it
	SafePath        bool    `json:"safe_path"`
	Home            *string `json:"home"`
	Tz              *string `json:"tz"`
	PythonPath      *string `json:"pythonpath"`
	UserBase        *string `json:"userbase"`
	// What the recipe asked for.
	Env           map[string]*string `json:"env"`
	Count         map[string]int     `json:"count"`
	Tmpdir        *string            `json:"tmpdir"`
	BufferedStdio bool               `json:"buffered_stdio"`
	Libraries     []uint64           `json:"libraries"` // addresses of objects of ctypes.CDLL
	Argv          []argvCopy         `json:"argv"`
	Faults        *faultHandlers     `json:"faults"`
	Changes       []envChange        `json:"changes"` // of the environment, by the program
	// The working directory, if modules of it are loaded.
	Local *string `json:"local"`
}

// compileScripts compiles the thaw script and the recipes with the interpreter at exe,
// which never is the target itself. environ is the target's: without some variables the interpreter might not find its libraries.
func compileScripts(exe string, recipes []string, script string, optimized int, environ, signals []string, cfg scriptConfig) ([]byte, error) {
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
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	flags, env := "-I", slices.DeleteFunc(os.Environ(), func(e string) bool { return len(guardedEnv([]string{e}, nil)) > 0 })
	for _, name := range []string{"LD_LIBRARY_PATH", "PYTHONHOME"} {
		if v := lookup(environ, name); v != nil && *v != "" {
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
