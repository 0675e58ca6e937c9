"""Data that looks like addresses in libraries. Frozen, then run again on its image, it says which of it
changed ('changed NAME'), and whether true pointers into libraries still work ('pointer NAME: ...')."""

import array
import collections
import ctypes
import decimal
import hashlib
import io
import json
import mmap
import re
import signal
import sqlite3
import struct
import sys
import zlib

LIBRARIES = ('libc.so', 'libm.so', 'ld-linux', 'libz.so', 'libexpat.so', '[vdso]')


def addresses():
    out = []
    with open('/proc/self/maps') as f:
        for line in f:
            span, _, path = line.partition(' ')
            start, end = (int(x, 16) for x in span.split('-'))
            if any(lib in path for lib in LIBRARIES):
                out += [start, start + 0x58, (start + end) // 2 & ~7, end - 8]
    return out


class Slots:
    __slots__ = ('number', 'text')


def make(found):
    raw = b''.join(struct.pack('<Q', a) for a in found)
    yield 'bytes', raw
    yield 'big bytes', raw * 100
    yield 'mapped bytes', raw * 2000
    yield 'bytearray', bytearray(raw)
    yield 'big bytearray', bytearray(raw * 100)
    yield 'str', raw.decode('latin-1')
    yield 'wide str', raw.decode('utf-16-le', 'surrogatepass')
    yield 'int', [a for a in found]
    yield 'big int', int.from_bytes(raw, 'little')
    yield 'digits', [(a >> 32 & 0x3fffffff) << 30 | a & 0x3fffffff for a in found]
    yield 'float', [struct.unpack('<d', struct.pack('<Q', a))[0] for a in found]
    yield 'complex', [complex(*struct.unpack('<dd', struct.pack('<QQ', a, a))) for a in found]
    yield 'array', array.array('Q', found)
    yield 'array of double', array.array('d', raw)
    b = io.BytesIO()
    b.write(raw * 3)
    yield 'BytesIO', b
    s = io.StringIO()
    s.write(raw.decode('latin-1'))
    yield 'StringIO', s
    yield 'memoryview', memoryview(bytearray(raw))
    m = mmap.mmap(-1, 8192, flags=mmap.MAP_PRIVATE)
    m.write(raw)
    yield 'mmap', m
    yield 'c_uint64', [ctypes.c_uint64(a) for a in found]
    yield 'ctypes array', (ctypes.c_uint64 * len(found))(*found)
    yield 'string buffer', ctypes.create_string_buffer(raw)
    yield 'Decimal', [decimal.Decimal(a) for a in found]
    yield 'big Decimal', decimal.Decimal(''.join('%019d' % a for a in found))
    yield 'deque', collections.deque(found)
    yield 'set', {struct.pack('<Q', a) for a in found}
    yield 'dict', {a: str(a) for a in found}
    yield 'pattern', re.compile(re.escape(raw.decode('latin-1')))
    yield 'code', compile('x = ' + repr(raw), 'x', 'exec')
    s = Slots()
    s.number, s.text = found[0], raw
    yield 'slots', s
    d = zlib.decompressobj()
    d.decompress(zlib.compress(b'x') + raw)
    yield 'unused data', d
    # Memory of libraries without debug information.
    h = hashlib.sha256()
    h.update(raw[:56])
    yield 'sha256', h
    c = zlib.compressobj()
    c.compress(raw * 10)
    yield 'compressobj', c
    db = sqlite3.connect(':memory:', check_same_thread=False)
    db.execute('create table t (b blob)')
    db.execute('insert into t values (?)', (raw * 100,))
    yield 'sqlite', db


def show(x):
    if type(x).__name__ == 'Slots':  # that of the frozen __main__
        return show((x.number, x.text))
    if isinstance(x, (list, tuple, collections.deque)):
        return ','.join(map(show, x))
    if isinstance(x, (set, dict)):
        return ','.join(sorted(map(repr, x)))
    if isinstance(x, (int, float, complex, decimal.Decimal, str)):
        return repr(x)
    if isinstance(x, mmap.mmap):
        return x[:].hex()
    if isinstance(x, (bytes, bytearray, memoryview, array.array, ctypes.Array)):
        return bytes(x).hex()
    if isinstance(x, ctypes.c_uint64):
        return str(x.value)
    if isinstance(x, io.BytesIO):
        return x.getvalue().hex()
    if isinstance(x, io.StringIO):
        return repr(x.getvalue())
    if isinstance(x, re.Pattern):
        return repr(x.pattern) + repr(x.fullmatch(json.flips['text']) is not None)
    if isinstance(x, type(show.__code__)):
        return repr(x.co_consts) + x.co_code.hex()
    if isinstance(x, type(zlib.decompressobj())):
        return x.unused_data.hex()
    if isinstance(x, type(hashlib.sha256())):
        return x.hexdigest()
    if isinstance(x, type(zlib.compressobj())):
        return x.copy().flush().hex()
    if isinstance(x, sqlite3.Connection):
        return x.execute('select b from t').fetchone()[0].hex()
    raise TypeError(x)


def pointers():
    libc = ctypes.CDLL(None)
    libm = ctypes.CDLL('libm.so.6')
    libm.cos.restype, libm.cos.argtypes = ctypes.c_double, [ctypes.c_double]
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))(
        lambda a, b: a[0] - b[0])
    return {'abs': lambda: libc.abs(-3), 'cos': lambda: libm.cos(0.0), 'qsort': lambda: sort(libc, compare),
            'memmove': lambda: move(), 'pythonapi': lambda: ctypes.pythonapi.Py_IsInitialized()}


def sort(libc, compare):
    a = (ctypes.c_int * 5)(3, 1, 2, 5, 4)
    libc.qsort(a, 5, 4, compare)
    return list(a)


def move():
    b = ctypes.create_string_buffer(8)
    ctypes.memmove(b, b'moved', 5)
    return b.value


if len(sys.argv) > 1 and sys.argv[1] == 'freeze':
    found = addresses()
    json.flips = {'text': b''.join(struct.pack('<Q', a) for a in found).decode('latin-1'), 'known': '|%x|' % len(found)}
    data = dict(make(found))
    # Kept in a form that no word of it looks like an address: digits, backwards, with dashes.
    json.flips['expected'] = {k: '-'.join(show(v)[::-1]) for k, v in data.items()}
    json.flips['data'] = data
    json.flips['pointers'] = pointers()
    del found, data
    print('ready', flush=True)
    signal.sigwait([signal.SIGTERM])
else:
    for name, value in json.flips['data'].items():
        if '-'.join(show(value)[::-1]) != json.flips['expected'][name]:
            print('changed', name)
    for name, call in json.flips['pointers'].items():
        print('pointer %s: %r' % (name, call()))
    now = {}
    with open('/proc/self/maps') as f:
        for line in f:
            path = line.split()[-1]
            if any(lib in path for lib in LIBRARIES):
                now.setdefault(path.rpartition('/')[2], line.split('-')[0])
    print('bases', json.dumps(now))
