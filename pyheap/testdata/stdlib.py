"""Imports every module of the standard library that imports without a side effect, and uses some."""
import importlib
import pkgutil
import sys
import warnings

# What opens a browser, prints, needs a display, is a program, or replaces something of the interpreter.
LEFT_OUT = {"antigravity", "this", "idlelib", "turtledemo", "turtle", "tkinter", "test", "lib2to3", "__main__",
            "ensurepip", "_aix_support", "_osx_support", "msilib", "_bootlocale", "pip"}


def names():
    for name in sorted(sys.stdlib_module_names if hasattr(sys, "stdlib_module_names") else
                       {m.name for m in pkgutil.iter_modules()} | set(sys.builtin_module_names)):
        if name in LEFT_OUT or name.startswith("_test") or name.startswith("_xx") or name == "_ctypes_test":
            continue
        yield name


warnings.simplefilter("ignore")
done = 0
for name in names():
    try:
        module = importlib.import_module(name)
    except Exception:
        continue
    done += 1
    for sub in pkgutil.iter_modules(getattr(module, "__path__", []), name + "."):
        if sub.name.split(".")[-1] in LEFT_OUT or "windows" in sub.name or "win32" in sub.name or "test" in sub.name:
            continue
        try:
            importlib.import_module(sub.name)
            done += 1
        except Exception:
            pass

import array
import bz2
import collections
import contextvars
import csv
import datetime
import decimal
import functools
import hashlib
import io
import itertools
import json
import lzma
import pickle
import random
import re
import sqlite3
import struct
import zlib
import xml.etree.ElementTree
import xml.parsers.expat


@functools.lru_cache(maxsize=64)
def cached(n):
    return str(n)


for i in range(100):
    cached(i)
database = sqlite3.connect(":memory:")
database.execute("create table t(a, b)")
database.executemany("insert into t values (?, ?)", [(i, str(i)) for i in range(500)])
variable = contextvars.ContextVar("variable")
variable.set([1])
context = contextvars.copy_context()
kept = [
    collections.OrderedDict((str(i), i) for i in range(200)),
    [decimal.Decimal(i) / 7 for i in range(100)], [decimal.Decimal(10) ** 400],
    [datetime.datetime(2020, 1, 1 + i % 28, tzinfo=datetime.timezone.utc) for i in range(100)],
    [hashlib.sha256(b"x"), hashlib.md5(b"x"), hashlib.blake2b(b"x")],
    [re.compile("(a|b)+%d" % i) for i in range(50)], re.match("(a)(b)", "ab"),
    xml.etree.ElementTree.fromstring("<a>%s</a>" % "".join('<b c="%d">d<e/>f</b>' % i for i in range(200))),
    [zlib.compressobj(), zlib.decompressobj(), bz2.BZ2Compressor(), lzma.LZMADecompressor()],
    [io.BytesIO(b"x" * 5000), io.StringIO("x" * 5000), io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"abc")))],
    [csv.reader(["a,b"]), csv.DictReader(["a,b", "1,2"])],
    [struct.Struct("iid"), struct.Struct("<hhl")], memoryview(bytearray(1000)), array.array("d", [1.0] * 100),
    [itertools.chain([1], [2]), itertools.count(5), itertools.tee(iter([1, 2, 3])), itertools.product([1, 2], [3])],
    functools.partial(cached, 5), random.Random(1), json.JSONDecoder(), json.JSONEncoder(),
    pickle.Pickler(io.BytesIO()), pickle.Unpickler(io.BytesIO(b"")), xml.parsers.expat.ParserCreate(),
]
kept[-3].dump([str(i) for i in range(300)])
print(done, "modules")
print("READY", flush=True)
sys.stdin.read()
