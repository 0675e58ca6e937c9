package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Larger things that programs do after the thaw: processes, threads, event loops, imports.
func TestRunPrograms(t *testing.T) {
	for name, lines := range map[string][]string{
		"fork": {"import os, sys", "print('before', flush=True)", "pid = os.fork()", "if pid == 0:", " print('child'); sys.exit(9)",
			"print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"},
		"nested forks": {"import os", "for i in range(20):", " p = os.fork()", " if not p: os._exit(i)", " assert os.waitpid(p, 0)[1] == i << 8", "print('ok')"},
		"subprocess": {"import subprocess as s, sys", "print(s.run(['sh', '-c', 'echo out; echo err >&2; cat; exit 3'], capture_output=True, input=b'in'))",
			"print(s.check_output([sys.executable, '-c', 'import sys; print(sys.argv)', 'x']))", "print(s.call('kill -9 $$', shell=True))",
			"p = s.Popen(['cat'], stdin=s.PIPE, stdout=s.PIPE); print(p.communicate(b'x' * 200000)[0] == b'x' * 200000)",
			"print(s.run(['pwd'], cwd='/', env={}, capture_output=True, preexec_fn=lambda: None, start_new_session=True).stdout)"},
		"threads": {"import threading, queue", "q = queue.Queue()", "ts = [threading.Thread(target=lambda i=i: q.put(sum(range(i * 1000)))) for i in range(16)]",
			"[t.start() for t in ts]; [t.join() for t in ts]", "print(sorted(q.get() for _ in ts))",
			"e = threading.Event(); threading.Timer(0.05, e.set).start(); print(e.wait(5))",
			"threading.Thread(target=lambda: (__import__('time').sleep(0.05), print('joined at exit'))).start()"},
		"locks": {"import threading", "l = threading.RLock()", "n = 0", "def f():", " global n", " for _ in range(2000):", "  with l: n += 1",
			"ts = [threading.Thread(target=f) for _ in range(8)]; [t.start() for t in ts]; [t.join() for t in ts]; print(n)",
			"c = threading.local(); c.x = 1; print(vars(c))"},
		"pool":            {"from concurrent.futures import ThreadPoolExecutor as T", "with T(4) as p: print(list(p.map(lambda x: x * x, range(20))))"},
		"multiprocessing": {"import multiprocessing as m", "m.set_start_method('fork')", "with m.Pool(2) as p: print(p.map(abs, range(-5, 5)))", "q = m.Queue(); p = m.Process(target=q.put, args=(7,)); p.start(); print(q.get(), p.join(), p.exitcode)"},
		"asyncio": {"import asyncio", "async def f(x):", " await asyncio.sleep(0.01); return x", "async def main():", " print(await asyncio.gather(*map(f, range(5))))",
			" p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=-1); print(await p.communicate())",
			" print(await asyncio.to_thread(sum, [1, 2]))", "asyncio.run(main()); asyncio.run(f(1))"},
		"sockets":   {"import socket, selectors", "a, b = socket.socketpair(); s = selectors.DefaultSelector(); s.register(b, 1); a.send(b'x'); print(len(s.select(1)), b.recv(9))", "print(socket.getaddrinfo('127.0.0.1', 80)[0][4])"},
		"alarm":     {"import signal, time", "signal.signal(signal.SIGALRM, lambda *a: print('alarm'))", "signal.setitimer(signal.ITIMER_REAL, 0.05); signal.pause()", "signal.signal(signal.SIGUSR1, lambda *a: print('usr1')); signal.raise_signal(signal.SIGUSR1)"},
		"files":     {"import tempfile, os, io", "with tempfile.TemporaryDirectory() as d:", " p = os.path.join(d, 'f'); open(p, 'w').write('caf\\u00e9\\n' * 9); print(os.path.getsize(p), open(p).readlines()[-1:], os.listdir(d))", "print(os.path.exists(d)); f = tempfile.TemporaryFile(); f.write(b'x' * 100000); f.seek(0); print(len(f.read()))"},
		"imports":   {"import sqlite3, ssl, bz2, lzma, zlib, curses, xml.dom.minidom, xml.etree.ElementTree as e, csv, email, http.client, unittest, ipaddress, statistics, fractions, array, mmap, select, termios, pwd, grp", "c = sqlite3.connect(':memory:'); c.execute('create table t(x)'); c.execute('insert into t values (?)', ('v',)); print(c.execute('select x, sqlite_version() from t').fetchall())", "print(ssl.create_default_context().verify_mode, e.fromstring('<a b=\"c\"/>').attrib, bz2.decompress(bz2.compress(b'x')), lzma.decompress(lzma.compress(b'y')), pwd.getpwuid(0).pw_name)"},
		"hashes":    {"import hashlib, hmac, zlib, binascii", "for n in sorted(hashlib.algorithms_guaranteed): h = hashlib.new(n, b'data'); print(n, h.hexdigest(8) if n.startswith('shake') else h.hexdigest())", "print(hmac.new(b'k', b'd', 'sha256').hexdigest(), zlib.crc32(b'x'), hashlib.scrypt(b'p', salt=b's', n=2, r=8, p=1).hex()[:8])"},
		"ctypes":    {"import ctypes, os", "l = ctypes.CDLL(None); print(l.getpid() == os.getpid(), l.strlen(b'four'))", "C = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)", "a = (ctypes.c_int * 4)(3, 1, 2, 0); I = ctypes.POINTER(ctypes.c_int)", "l.qsort(a, 4, 4, C(lambda x, y: ctypes.cast(x, I)[0] - ctypes.cast(y, I)[0])); print(list(a))"},
		"numbers":   {"import decimal, fractions, math, cmath, struct", "print(decimal.Decimal(1) / 7, fractions.Fraction(1, 3) + 1, math.gamma(5.5), cmath.sqrt(-1), struct.pack('<qd', 1, 2.5), 2 ** 1000 % 10 ** 9, float('1e22'), repr(0.1))", "decimal.getcontext().prec = 50; print(decimal.Decimal(2).sqrt())"},
		"text":      {"import re, json, unicodedata, difflib, textwrap, string, pprint, ast", "print(re.findall(r'(\\w+)@(\\w+)', 'a@b c@d'), json.dumps({'a': [1, None, 2.5]}), unicodedata.name('\\u00e9'), ast.unparse(ast.parse('x = 1 + 2')))", "print(list(difflib.ndiff(['a'], ['b'])), 'stra\\u00dfe'.upper().casefold())"},
		"memory":    {"x = [bytearray(1 << 20) for _ in range(64)]; del x", "d = {i: str(i) for i in range(300000)}; del d", "import gc; gc.collect(); print(len(bytes(200 << 20)))", "l = []\nfor i in range(200000): l.append((i, [i]))", "print(len(l))"},
		"heap":      {"import sys, gc; sys.path.append('" + program("") + "'); import warmed", "print(warmed.check()); gc.collect(); print(warmed.check())"},
		"output":    {"import sys", "sys.stdout.write('x' * 3000000); sys.stderr.write('y' * 300000); sys.stdout.buffer.write(b'z'); print()"},
		"classes":   {"import abc, dataclasses, enum, typing, functools, collections, weakref, copy, pickle", "@dataclasses.dataclass(order=True)\nclass P:\n x: int\n y: list = dataclasses.field(default_factory=list)", "print(P(1) < P(2), copy.deepcopy(P(3, [4])), pickle.loads(pickle.dumps(P(5))), isinstance([], collections.abc.Sequence))", "class E(enum.Flag): A = 1; B = 2", "print(E.A | E.B, functools.lru_cache(lambda x: x)(1), weakref.ref(E)() is E)"},
		"pid users": {"import os, uuid, logging, threading", "p = os.getpid(); print(p == int(os.readlink('/proc/self')), os.getppid() > 1, threading.get_native_id() == p)", "logging.basicConfig(format='%(levelname)s %(process)d %(message)s'.replace('%(process)d', '')); logging.warning('w'); print(logging.LogRecord('n', 1, 'p', 1, 'm', (), None).process == p)"},
	} {
		t.Run(name, func(t *testing.T) { sameCode(t, command{}, lines...) })
	}
}

func TestRunEntryAndModule(t *testing.T) {
	dir := tempDir(t)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	show := "import sys\nprint(__name__, __file__, __spec__ and __spec__.name, __package__, sys.argv, sys.path[:2], sorted(globals()))\n"
	write("sub/helper.py", "VALUE = 42\n")
	write("pkg/__init__.py", "")
	write("pkg/__main__.py", show+"from . import part\nprint(part.X)\n")
	write("pkg/part.py", "X = 'part'\n")
	write("pkg/fails.py", "def f():\n    raise ValueError('in a module')\nf()\n")
	entries := [][]string{
		{"--entry", write("sub/show.py", show+"import helper\nprint(helper.VALUE)\n")},
		{"--entry", "sub/show.py"},
		{"--entry", write("fails.py", "import sys\ndef f(x):\n    raise KeyError(x)\nf(sys.argv)\n")},
		{"--entry", write("syntax.py", "def f(:\n")},
		{"--entry", write("coded.py", "# -*- coding: latin-1 -*-\nprint('caf\u00e9')\n")},
		{"--entry", write("empty.py", "")},
		{"--entry", write("nul.py", "x = 1\x00\n")},
		{"--entry", filepath.Join(dir, "nosuch.py")},
		{"--entry", filepath.Join(dir, "pkg")},
		{"--entry", write("spawn.py", "import multiprocessing as m\ndef f(x): return x + 1\nif __name__ == '__main__':\n    m.set_start_method('spawn')\n    with m.Pool(1) as p: print(p.map(f, [1, 2]))\n")},
		{"-m", "pkg"}, {"-m", "pkg.part"}, {"-m", "pkg.fails"}, {"-m", "nosuchmodule"}, {"-m", "pkg.nosuch"}, {"-m", "json.tool"},
		{"-m", "platform"}, {"-m", "timeit"},
	}
	for _, flags := range entries {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			compare := sameRun
			if strings.Contains("syntax.py nul.py nosuch.py pkg", filepath.Base(flags[1])) && flags[0] == "--entry" {
				compare = sameRunOrPlain
			}
			compare(t, flags, command{argv: []string{"one", "-x"}, dir: dir, stdin: "{\"a\": 1}"})
		})
	}
}
