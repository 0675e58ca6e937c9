"""Objects that only odd paths lead to."""
import collections
import contextvars
import functools
import itertools
import threading
import time
import types
import weakref


class X:
    pass


class Slots:
    __slots__ = ("left", "right")


class Meta(type):
    pass


class Made(metaclass=Meta):
    held = X()


def generator():
    y = X()
    yield y


async def coroutine(arg):
    inside = X()
    await wait()


@types.coroutine
def wait():
    z = X()
    yield z


def closure():
    cell = X()
    return lambda: cell


def recursive(n):
    held = X()
    if n:
        return recursive(n - 1)
    gate.wait()


gate = threading.Event()
for i in range(2):
    threading.Thread(target=recursive, args=(3,), daemon=True).start()
g = generator()
next(g)
c = coroutine(X())
c.send(None)
keys = {X(): 1, (1, X()): X(), "x" * 100: X(), "x" * 99 + "y": X(), "line\nbreak": X(), "quote'\"]": X(), b"\x00\xff": X(),
        None: X(), True: X(), 1.5: X(), frozenset([1]): X(), -7: X(), 1 << 80: X(), X: X(), "": X(), "]": X(), "a]['b": X()}
odd = X()
odd.__dict__["not a name"] = X()
odd.__dict__[""] = X()
inline = X()
setattr(inline, "also not", X())
slots = Slots()
slots.left = X()
sets = {X(), X(), frozenset([X()])}
links = X()
last = links
for i in range(100):
    last.next = X()
    last = last.next
nested = []
for i in range(60):
    nested = [nested, {"k": nested}]
part = functools.partial(print, X(), key=X())
cached = functools.lru_cache(maxsize=None)(lambda a: X())
cached((1, 2))
chained = itertools.chain([X()], [X()])
queue = collections.deque([X(), X()])
ordered = collections.OrderedDict([(1, X())])
proxy = types.MappingProxyType({"k": X()})
fn = closure()
method = X().__init__
prop = property(X())
var = contextvars.ContextVar("var", default=X())
var.set(X())
ref = weakref.ref(odd, X().__eq__)
local = threading.local()
local.held = X()
lonely = X()
lonely.me = lonely
del lonely
print("READY", flush=True)
input()
