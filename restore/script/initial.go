package script

import (
	"context"
	"encoding/json"
	"fmt"
)

// Initial is what the code of a module says that its namespace holds when it has been imported.
type Initial struct {
	// Values are the names that the code sets once, to a value that it has in itself: as Python
	// writes it. Names of a class have its name and a dot before them, those that its __init__ sets
	// in an instance "()" before that.
	Values map[string]string `json:"values"`
	Names  []string          `json:"names"` // all that it sets
	Open   bool              `json:"open"`  // there may be others (import *, exec)
}

// initialCompiler runs in a plain, isolated interpreter of the same build, and reads the code of
// modules: from their byte code where that is of their source, else from the source.
const initialCompiler = `
import dis, sys, json, marshal, os, types
from importlib.util import MAGIC_NUMBER
j = json.load(sys.stdin)
room = j['room']
def number(b):
    return int.from_bytes(b, 'little')
def load(m):
    global room
    st = os.stat(m['file'])
    try:
        with open(m['cached'], 'rb') as f:
            data = f.read()
        stamp = [number(data[n:n + 4]) for n in (4, 8, 12)]
        if data[:4] == MAGIC_NUMBER and stamp == [0, int(st.st_mtime) & 0xFFFFFFFF, st.st_size & 0xFFFFFFFF]:
            room -= len(data)
            return marshal.loads(memoryview(data)[16:])
    except (OSError, ValueError, EOFError, TypeError):
        pass
    room -= 4 * st.st_size
    with open(m['file'], 'rb') as f:
        return compile(f.read(), m['file'], 'exec', dont_inherit=True)
others = 'exec', 'globals', 'vars', 'locals', 'setattr'
plain = type(None), bool, int, float, complex, str, bytes, type(...)
def constant(v):
    return isinstance(v, plain) or isinstance(v, (tuple, frozenset)) and all(map(constant, v))
def look(code, before, out):
    once, many, back = {}, set(), []
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    classes = {c.co_name: c for c in inner if not c.co_flags & 1}  # CO_OPTIMIZED
    for i in dis.get_instructions(code):
        if i.opname in ('CACHE', 'EXTENDED_ARG', 'NOP', 'PRECALL', 'PUSH_NULL', 'RESUME'):
            continue
        if i.opname in ('STORE_NAME', 'STORE_GLOBAL', 'DELETE_NAME', 'DELETE_GLOBAL'):
            name = i.argval  # what a function has as global is one in the module's code, too
            elsewhere = before and i.opname == 'STORE_GLOBAL'
            if name in once or i.opname.startswith('DELETE') or elsewhere:
                many.add(name)
            once[name] = value(back, classes)
        elif i.opname == 'IMPORT_STAR' or i.opname == 'CALL_INTRINSIC_1' and i.argval == 2:
            out['open'] = True
        elif i.opname.startswith('LOAD_') and i.argval in others:
            out['open'] = True
        back.append(i)
        del back[:-4]
    for name, v in once.items():
        if not before:
            out['names'].append(name)
        if name not in many and isinstance(v, str):
            out['values'][before + name] = v
        elif isinstance(v, types.CodeType) and name not in many:
            look(v, before + name + '.', out)
            for c in v.co_consts:
                if isinstance(c, types.CodeType) and c.co_name == '__init__' and c.co_argcount:
                    instance(c, before + name + '().', out)
def instance(code, before, out):
    once, many, back, self = {}, set(), [], code.co_varnames[0]
    for i in dis.get_instructions(code):
        if i.opname in ('CACHE', 'EXTENDED_ARG', 'NOP', 'PRECALL', 'PUSH_NULL', 'RESUME'):
            continue
        last = back[-1] if back else i
        if i.opname == 'STORE_ATTR' and last.opname.startswith('LOAD_FAST'):
            two = isinstance(last.argval, tuple)  # LOAD_FAST_LOAD_FAST (3.13)
            of = last.argval[-1] if two else last.argval
            if of == self:
                if i.argval in once:
                    many.add(i.argval)
                once[i.argval] = value(back[:-1], {}) if not two else None
        back.append(i)
        del back[:-4]
    for name, v in once.items():
        if name not in many and v is not None:
            out['values'][before + name] = v
def value(back, classes):
    last = back[-1] if back else None
    if last is None or last.is_jump_target:
        return None
    if last.opname in ('LOAD_CONST', 'LOAD_SMALL_INT') and constant(last.argval):
        return repr(last.argval)
    if last.opname in ('BUILD_LIST', 'BUILD_MAP') and last.arg == 0:
        return '[]' if last.opname == 'BUILD_LIST' else '{}'
    if last.opname == 'LIST_EXTEND' and len(back) > 2 and back[-2].opname == 'LOAD_CONST' \
            and back[-3].opname == 'BUILD_LIST' and back[-3].arg == 0 and constant(back[-2].argval):
        return repr(list(back[-2].argval))
    called = back[-2] if last.opname in ('CALL', 'CALL_FUNCTION') and len(back) > 1 else last
    if called.opname == 'LOAD_NAME' and called is not last and last.arg == 0:
        return {'set': 'set()', 'dict': '{}', 'list': '[]'}.get(called.argval)
    if called.opname == 'LOAD_CONST' and called is not last:
        return classes.get(called.argval)  # a class without bases: its code, and its name
    return None
found = {}
for m in j['modules']:
    if room <= 0:
        break
    out = {'values': {}, 'names': [], 'open': False}
    try:
        look(load(m), '', out)
    except Exception:  # code that cannot be read, or is made by others
        continue
    found[m['name']] = out
sys.stdout.write(json.dumps(found))
`

// maxInitial bounds the byte code that is read for it.
const maxInitial = 16 << 20

// InitialNames reads what modules hold when they have been imported from their code, with the
// interpreter at exe. Modules whose code cannot be read are left out. environ is the target's.
func InitialNames(ctx context.Context, exe string, environ []string,
	mods []Module) (map[string]Initial, error) {
	out, err := compile(ctx, exe, environ, initialCompiler,
		map[string]any{"modules": mods, "room": maxInitial})
	if err != nil {
		return nil, err
	}
	found := map[string]Initial{}
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, fmt.Errorf("the code of modules: %w", err)
	}
	return found, nil
}
