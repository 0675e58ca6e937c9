"""A program with objects that the tests of `pyfreeze inspect` know. It writes what it knows itself of them to
the file that its argument names, as JSON."""
import asyncio
import collections
import ctypes
import faulthandler
import functools
import gc
import json
import os
import signal
import sys
import threading

try:
    import sqlite3
    database = sqlite3.connect(":memory:")
except ImportError:
    database = None


class Node:
    kind = "a node"

    def __init__(self, n):
        self.n = n
        self.items = [1, "two", {"three": (3, 3.0, None)}]
        self.me = self

    @property
    def prop(self):
        os._exit(99)  # whoever looks at a target runs none of its code

    def __repr__(self):
        os._exit(99)

    def method(self):
        pass


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self):
        self.first = 1
        self.second = "\x1b[31mred\x07\u202e\n"


class Keys(dict):
    pass


def make_closure():
    captured = ["captured"]

    def closure():
        return captured

    return closure


def count_up():
    position = 5
    while True:
        yield position


async def coroutine():
    awaited = "awaited"
    await asyncio.sleep(awaited)


node = Node(7)
nodes = [Node(i) for i in range(100)]
slotted = Slotted()
table = {"key": [1, 2], 3: "three", b"bytes": 4, "nested": {"deep": {"deeper": "found"}}}
keys = Keys(a=1)
queue = collections.deque(["left", "right"])
members = {"only"}
ring = []
ring.append(ring)
long_text = "start " + "x" * 5000 + " end"
big = 12345678901234567890123456789
closure = make_closure()
generator = count_up()
next(generator)
suspended = coroutine()
part = functools.partial(int, base=16)
view = memoryview(bytearray(b"buffer"))
setattr(node, "\x1b]0;title\x07", "an attribute that no terminal should see as it is")


def waits(event, label):
    in_worker = "local of " + label
    event.wait()
    return in_worker


def recursive(depth, event):
    if depth:
        return recursive(depth - 1, event)
    return waits(event, "recursion")


class Reads:
    def __init__(self):
        self.line = next(self.generate())  # C calls Python, which runs a generator

    def generate(self):
        yield from self.inner()

    def inner(self):
        in_generator = "local of a running generator"
        yield sys.stdin.readline() + in_generator


def read_one(n):
    return Reads()


def by_reading(n):
    return len(list(map(read_one, [n])))


def leave_on_stack(n):
    """Leaves pointers to numbers that nothing refers to, though they were never freed, in the dead part of the C stack."""
    number = 0.5 + n
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(number))
    one, two = number, 0.5 + n
    for _ in range(500):
        one, two = [one], [two]
    return one == two


def facts():
    found = gc.get_objects()  # before anything here makes functions and generators
    counts = collections.Counter(type(o).__module__ + "." + type(o).__qualname__ for o in found)
    exact = ["__main__.Node", "__main__.Keys", "builtins.module", "builtins.function", "builtins.coroutine", "collections.deque", "threading.Thread", "functools.partial"]
    sizes = {n: sys.getsizeof(o) for n, o in globals().items() if n in (
        "nodes", "slotted", "table", "keys", "members", "long_text", "big", "closure")}
    return {
        "counts": {n: counts[n] for n in exact},
        "sizes": sizes,
        "addresses": {n: hex(id(o)) for n, o in globals().items()},
        "modules": {n: getattr(m, "__file__", None) for n, m in sys.modules.items() if m is not None},
        "sqlite": database is not None,
        "threads": {t.ident: [t.name, t.daemon] for t in threading.enumerate()},
    }


def main():
    outer_local = "in main"
    event = threading.Event()
    for name, target, args in (("plain-worker", waits, (event, "plain")), ("deep-worker", recursive, (20, event))):
        threading.Thread(target=target, args=args, name=name, daemon=True).start()
    faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)
    gc.collect()
    gc.disable()
    with open(sys.argv[1], "w") as f:
        json.dump(facts(), f)
    del f
    gc.collect()  # the encoder's functions refer to each other
    for n in range(10):
        leave_on_stack(n)
    print("ready", flush=True)
    sorted([1], key=by_reading)
    print("done whole" if outer_local and node.n == 7 else "broken", flush=True)
    suspended.close()


main()
