"""Prints every object that the collector knows or that one of those refers to:
id, type, size. Then waits to be captured."""
import array, collections, dataclasses, decimal, struct, enum, functools, gc, io, json, logging, os, re
import select, socket, subprocess, sys, threading, weakref

class Plain:
    def __init__(self):
        self.a = 1
        self.b = "two"

class Slots:
    __slots__ = ("x", "y", "__weakref__")

class Str(str):
    pass

class Int(int):
    pass

class Tup(tuple):
    pass

class Bytes(bytes):
    pass

class Dict(dict):
    pass

class Color(enum.Enum):
    RED = 1

Point = collections.namedtuple("Point", "x y")

def gen(n):
    local = ["in a generator"]
    yield local
    yield n

keep = [Plain() for _ in range(100)]
owned = [io.BytesIO(b'x' * 5000), io.BytesIO(), decimal.Decimal('1.' + '3' * 100), decimal.Decimal(1), struct.Struct('iiq')]
owned[1].write(b'y' * 300)
s = Slots(); s.x = ["slot"]; s.y = {"k": "v"}
sub = [Str("äöü" * 50), Int(10**50), Tup([["t"], 2]), Bytes(b"x" * 77), Dict(a=[1])]
for o in sub:
    o.attr = ["attribute of", o.__class__.__name__]
od = collections.OrderedDict(a=["od"], b=2)
dq = collections.deque([["dq", i] for i in range(200)])
dd = collections.defaultdict(list, k=[["dd"]])
ba = bytearray(b"y" * 3000)
arr = array.array("d", range(1000))
g = gen([["argument"]]); next(g)
part = functools.partial(print, ["partial"])
wr = weakref.WeakSet(keep[:3])
st = os.stat("/")
pt = Point(["pt"], 2)
big = list(range(100000, 101000))
many = {i: [i] for i in range(1000)}
fs = frozenset(("fs%d" % i) for i in range(300))
lru = functools.lru_cache(maxsize=10)(lambda x: [x])
[lru(i) for i in range(20)]
mixed = {"a": 1, 2: 3}
uni = ["é", "λ" * 10, "\U0001f600" * 10, "x" * 1000]
split = Plain(); split.__dict__
lam = [lambda x=i: (x, keep) for i in range(5)]

def dump():
    gc.collect()
    out = io.StringIO()
    roots = gc.get_objects()
    seen = {id(o): o for o in roots}
    skip = {id(roots), id(seen), id(out)}
    todo = list(roots)
    skip.add(id(todo))
    while todo:
        for r in gc.get_referents(todo.pop()):
            if id(r) not in seen and id(r) not in skip:
                seen[id(r)] = r
                todo.append(r)
    frame = sys._getframe()
    skip |= {id(frame), id(skip)}
    lines = []
    for o in seen.values():
        if id(o) in skip or type(o) is type(frame):
            continue
        t = type(o)
        try:
            size = sys.getsizeof(o)
        except Exception:
            size = -1
        mod = t.__module__ if isinstance(t.__module__, str) else "?"
        lines.append("%x %s.%s %d" % (id(o), mod, t.__qualname__, size))
    return lines, roots, seen

def holder():
    only_here = select.epoll()
    lines, roots, seen = dump()
    sys.stdout.write("\n".join(lines) + "\nREADY\n")
    sys.stdout.flush()
    sys.stdin.readline()

holder()
