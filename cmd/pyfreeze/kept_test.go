package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Programs whose modules keep what is hard to bring back: the frozen run has made it, a thaw with other arguments uses it. All
// that they print must be what the plain program prints.
var keepers = map[string]struct{ module, script string }{
	"struct": {"import struct\nfmt = struct.Struct('<qd4s')\npacked = fmt.pack(-1, 0.5, b'abcd')\nlazy = struct.Struct('>HH').iter_unpack(bytes(range(8)))\n",
		"print(kept.fmt.unpack(kept.packed), kept.fmt.size, struct.pack('!%dH' % len(args), *map(len, args)), list(struct.iter_unpack('<2s', b'aabb')), struct.calcsize('@bhilq'))\n"},
	"weakref": {"import weakref, gc\nclass C:\n    def m(self):\n        pass\nalive = [C() for _ in range(100)]\nrefs = weakref.WeakSet(alive)\nvalues = weakref.WeakValueDictionary(enumerate(alive))\nkeys = weakref.WeakKeyDictionary((c, i) for i, c in enumerate(alive))\ncalled = []\nproxy = weakref.proxy(alive[0])\nmethod = weakref.WeakMethod(alive[0].m)\nend = weakref.finalize(alive[1], called.append, 'finalized')\none = weakref.ref(alive[2], lambda r: called.append('called back'))\n",
		"print(len(kept.refs), len(kept.values), kept.keys[kept.alive[7]], kept.proxy.__class__, kept.end.alive, kept.one() is kept.alive[2])\ndel kept.alive[1:50 + len(args)]\nkept.gc.collect()\nprint(len(kept.refs), sorted(kept.values)[:3], len(kept.keys), sorted(kept.called), kept.end.alive, kept.one())\n"},
	// The interpreter finds classes through weak references of their bases.
	"subclasses": {"import subprocess, io, abc, collections.abc\nclass Base(abc.ABC):\n    made = []\n    def __init_subclass__(cls):\n        Base.made.append(cls.__name__)\nclass One(Base):\n    pass\nclass Two(Base):\n    pass\nBase.register(dict)\nsubprocess.run(['true'])\n",
		"popen = [c for c in object.__subclasses__() if c.__name__ == 'Popen']\nprint(len(popen), popen[0] is subprocess.Popen, popen[0](['echo'] + args, stdout=-1).communicate(), Base.__subclasses__(), Base.made, issubclass(dict, Base), isinstance([], Base))\nclass Three(Base):\n    pass\nprint([c.__name__ for c in Base.__subclasses__()], Base.made[-1], len(object.__subclasses__()) == len(set(object.__subclasses__())), io.IOBase.__subclasses__()[:2])\n"},
	"dict of types and functions": {"import json, functools\ntable = {int: 'int', len: 'len', json.dumps: 'dumps', type(None): 'none', print: 'print', ...: 'ellipsis'}\ndef f():\n    pass\nclass C:\n    def m(self):\n        pass\nc = C()\ntable.update({f: 'f', C: 'C', C.m: 'C.m', c.m: 'c.m', c: 'c', f.__code__: 'code', frozenset({f, C}): 'both'})\nmembers = {int, str, f, C.m, object()}\n@functools.singledispatch\ndef show(x):\n    return 'object'\nshow.register(int, lambda x: 'int')\nshow.register(list, lambda x: 'list')\n@functools.lru_cache\ndef cached(x):\n    return [x]\nfirst = cached(int), cached(f)\n",
		"t = kept.table\nprint([t.get(k) for k in (int, len, json.dumps, type(None), print, ..., kept.f, kept.C, kept.C.m, kept.c.m, kept.c, kept.f.__code__, frozenset({kept.f, kept.C}), kept.show)], len(t))\nt[tuple(args)] = str\nt[str.join] = 'join'\ndel t[int]\nprint(t[str.join], int in t, {str, kept.C.m} <= kept.members, kept.show(1), kept.show([]), kept.show(True), kept.cached(int) is kept.first[0], kept.cached(kept.f) is kept.first[1], kept.cached.cache_info())\n"},
	"ctypes": {"import ctypes, ctypes.util\nlib = ctypes.CDLL(None)\nm = ctypes.CDLL('libm.so.6')\nm.pow.restype, m.pow.argtypes = ctypes.c_double, [ctypes.c_double] * 2\nclass P(ctypes.Structure):\n    _fields_ = [('x', ctypes.c_int), ('y', ctypes.c_double), ('n', ctypes.c_char * 8)]\np = P(1, 2.5, b'name')\narray = (P * 3)(p, P(2), P(3))\npointer = ctypes.pointer(array[1])\nbuffer = ctypes.create_string_buffer(b'buffer', 32)\nCMP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))\ncompare = CMP(lambda a, b: a[0] - b[0])\nbound = lib.strlen\n",
		"n = (ctypes.c_int * 5)(5, 3, len(args), 2, 4)\nkept.lib.qsort(n, 5, 4, kept.compare)\nkept.pointer.contents.y = 7.5\nprint(list(n), kept.m.pow(2, 10), kept.p.x, kept.p.n, kept.array[1].y, ctypes.sizeof(kept.P), kept.buffer.value, kept.bound(b'four'), kept.lib.abs(-3), kept.lib.getpid() == os.getpid())\nkept.lib.snprintf(kept.buffer, 32, b'%d args', len(args))\nprint(kept.buffer.value, ctypes.cast(kept.pointer, ctypes.POINTER(kept.P))[0].x, ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long)(lambda x: x * 2)(21), ctypes.util.find_library('m'))\n"},
}

// TestKept freezes each at its exit, thaws it, and compares with the plain program.
func TestKept(t *testing.T) {
	for name, k := range keepers {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.write("kept.py", k.module)
			var imports []string
			for _, line := range strings.Split(k.module, "\n") {
				if strings.HasPrefix(line, "import ") {
					imports = append(imports, line)
				}
			}
			h.write("main.py", "import os, sys\nimport kept\n"+strings.Join(imports, "\n")+"\nfrom kept import *\nargs = sys.argv[1:]\n"+k.script)
			// The frozen run is one that imports, and changes nothing.
			h.write("warm.py", "import os, sys, kept\n"+strings.Join(imports, "\n")+"\n")
			h.run(binary, "freeze", "-o", "i", "--at", "exit", "--", python, "warm.py").must(t, "exit 0")
			log := newRunLog(t)
			h.env = append(h.env, log.env())
			for _, args := range [][]string{nil, {"one"}, {"one", "two words", "x"}} {
				main := filepath.Join(h.dir, "main.py")
				plain := h.run(append([]string{python, main}, args...)...).must(t, "exit 0")
				got := h.run(append([]string{binary, "run", "--entry", main, "i"}, args...)...)
				if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr || got.Status != plain.Status {
					t.Errorf("%q: %v\nplain %v", args, got, plain)
				}
			}
			log.thawed(t, 3)
		})
	}
}
