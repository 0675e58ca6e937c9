package restore

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// thawScript is the Python part of a thaw; see its first lines.
//
//go:embed thaw.py
var thawScript string

// scriptCompiler runs in a plain, isolated interpreter of the same build and turns
// scripts and configuration into what PyMarshal_ReadObjectFromString takes.
const scriptCompiler = `
import sys, json, marshal, os
j = json.load(sys.stdin)
code = compile(j['thaw'], '<pyfreeze>', 'exec', dont_inherit=True)
recipe = compile(j['recipe'], '<pyfreeze recipe>', 'exec', dont_inherit=True) if j['recipe'] else None
config = j['config']
config['version'] = tuple(sys.version_info[:2])
config['script_code'] = config['script_stat'] = None
if j['script']:
    path = os.path.abspath(j['script'])
    try:
        st = os.stat(path)
        with open(path, 'rb') as f:
            config['script_code'] = compile(f.read(), path, 'exec', dont_inherit=True)
        config['script_stat'] = (path, st.st_size, st.st_mtime_ns)
    except (OSError, SyntaxError, ValueError):
        pass
import signal
config['fresh_signals'] = [int(getattr(signal, n)) for n in j['signals'] if hasattr(signal, n)]
sys.stdout.buffer.write(marshal.dumps((code, recipe, config)))
`

// scriptConfig is what the thaw script is told of the frozen process.
type scriptConfig struct {
	InterpreterArgs int     `json:"interpreter_args"` // words of the command line before the script
	Path0           *string `json:"path0"`            // sys.path[0] as the command line gave it
	SafePath        bool    `json:"safe_path"`
	Home            *string `json:"home"`
	Tmpdir          *string `json:"tmpdir"`
	BufferedStdio   bool    `json:"buffered_stdio"`
	NoSigint        bool    `json:"no_sigint"` // no handler for SIGINT at the start
}

// compileScripts compiles the thaw script and the recipe with the interpreter at exe,
// which never is the target itself.
func compileScripts(exe, recipe, script string, signals []string, cfg scriptConfig) ([]byte, error) {
	if signals == nil {
		signals = []string{}
	}
	in, err := json.Marshal(map[string]any{"thaw": thawScript, "recipe": recipe, "script": script, "signals": signals, "config": cfg})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "-I", "-S", "-B", "-c", scriptCompiler)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
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
