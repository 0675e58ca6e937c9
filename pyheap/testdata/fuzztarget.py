"""A small heap with some of everything, for damaging."""
import sys, _collections, _io

class C:
    def __init__(self):
        self.x = [1, {"k": (2, 3.5, "é" * 20, b"bytes")}, {4, 5}, frozenset([6])]

class S:
    __slots__ = ("a",)

objs = [C() for i in range(200)]
s = S(); s.a = objs
d = _collections.deque(range(500))
b = bytearray(1000)
big = 3 ** 500

def gen():
    local = objs
    yield local

g = gen(); next(g)

def f(n):
    if n:
        return f(n - 1)
    held = _io.FileIO("/dev/null")
    print("READY", flush=True)
    sys.stdin.readline()

f(5)
