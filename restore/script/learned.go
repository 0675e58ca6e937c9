package script

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// Module is a module that was imported from a source file.
type Module struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Cached string `json:"cached"` // where its byte code is kept
	Why    string `json:"why"`    // why its code cannot be loaded before it is imported; "" where it is
}

// maxLearned bounds the byte code of learned modules.
const maxLearned = 64 << 20

// learnedCompiler runs in a plain, isolated interpreter of the same build. It reads byte code as
// SourceLoader.get_code of Lib/importlib/_bootstrap_external.py does, and writes it as one dict, by
// the path of the source: the bytes, which a thaw compares with what it reads, and their code.
// Before it there is a line that tells why each module was left out.
const learnedCompiler = `
import sys, json, marshal, os, _imp
from importlib.util import MAGIC_NUMBER
j = json.load(sys.stdin)
code_type, room, learned, left = type((lambda: 0).__code__), j['room'], {}, {}
def number(b):
    return int.from_bytes(b, 'little')
for m in j['modules']:
    path, cached, why, code = m['file'], m['cached'], '', None
    try:
        st = os.stat(path)
        with open(cached, 'rb') as f:
            data = f.read()
        if data[:4] != MAGIC_NUMBER or len(data) < 16:
            why = 'its byte code is of another Python'
        elif number(data[4:8]) != 0:
            why = 'its byte code goes by a hash, not by time'
        elif number(data[8:12]) != int(st.st_mtime) & 0xFFFFFFFF or number(data[12:16]) != st.st_size & 0xFFFFFFFF:
            why = 'its byte code is older than its source'
        elif len(data) > room:
            why = 'there is too much byte code'
        else:
            room -= len(data)
            code = marshal.loads(memoryview(data)[16:])
    except (OSError, ValueError, EOFError, TypeError) as e:
        why = 'no byte code: ' + (getattr(e, 'strerror', None) or str(e))
    if isinstance(code, code_type):
        _imp._fix_co_filename(code, path)
        learned[path] = data[16:], code
    else:
        left[path] = why or 'its byte code has no code'
out = sys.stdout.buffer
out.write(json.dumps(left).encode() + b'\n')
if learned:
    out.write(marshal.dumps(learned))
`

// Learned returns the byte code of modules, marshalled as one dict for the interpreter at exe, and
// tells in each of them why it is not in there. nil where none is. environ is the target's.
func Learned(ctx context.Context, exe string, environ []string, mods []Module) ([]byte, error) {
	if len(mods) == 0 {
		return nil, nil
	}
	out, err := compile(ctx, exe, environ, learnedCompiler,
		map[string]any{"modules": mods, "room": maxLearned})
	if err != nil {
		return nil, err
	}
	line, code, _ := bytes.Cut(out, []byte("\n"))
	left := map[string]string{}
	if err := json.Unmarshal(line, &left); err != nil {
		return nil, fmt.Errorf("the byte code of learned modules: %w", err)
	}
	for i := range mods {
		mods[i].Why = left[mods[i].File]
	}
	return code, nil
}
