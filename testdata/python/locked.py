"""A program whose threads hold locks and wait, in every way that `pyfreeze inspect locks` tells. It writes
as JSON what is true, to the file that its argument names or to standard output, and then waits for input."""
import asyncio
import contextlib
import json
import os
import queue
import sys
import threading
import time

deadlocks = "--deadlock" in sys.argv or "DEADLOCK" in os.environ
named = {}      # objects by name
held = {}       # name: (owners' names or None, inferred)
waits = []      # (thread's name, name of what it waits for, method)
started = []


def thread(name, fn, *args):
    gate = threading.Event()

    def main():
        gate.set()
        fn(*args)
    t = threading.Thread(target=main, name=name, daemon=True)
    t.start()
    gate.wait()
    started.append(t)
    return t


def sleep():
    time.sleep(1000)


# Held by a with block, by a call alone, and an RLock twice.
named["plain"], named["called"], named["twice"] = threading.Lock(), threading.Lock(), threading.RLock()


def holds_plain():
    for attempt in range(1):
        try:
            with named["plain"], open(os.devnull):
                sleep()
        finally:
            pass


thread("holder", holds_plain)
held["plain"] = (["holder"], True)
named["called"].acquire()
held["called"] = (None, False)


def holds_twice():
    with named["twice"]:
        named["twice"].acquire()
        sleep()


thread("recursive", holds_twice)
held["twice"] = (["recursive"], False)
thread("wants plain", lambda: named["plain"].acquire())
thread("wants called", lambda: named["called"].acquire(True, 1000))
thread("wants twice", lambda: named["twice"].acquire())
waits += [("wants plain", "plain", ""), ("wants called", "called", ""), ("wants twice", "twice", "")]

# By way of a Condition, a generator and an ExitStack.
named["condition"] = threading.Condition(threading.Lock())
named["of condition"] = named["condition"]._lock


def in_condition():
    with named["condition"]:
        sleep()


def waits_condition():
    with named["condition"]:
        named["condition"].wait()


thread("notified", waits_condition)
waits.append(("notified", "condition", "wait"))
while not named["condition"]._waiters:
    time.sleep(.01)
thread("in condition", in_condition)
held["of condition"] = (["in condition"], True)

named["generated"], named["stacked"] = threading.Lock(), threading.Lock()


@contextlib.contextmanager
def generated():
    with named["generated"]:
        yield


def holds_generated():
    with generated():
        with contextlib.ExitStack() as stack:
            stack.enter_context(named["stacked"])
            sleep()


thread("generator", holds_generated)
held["generated"] = held["stacked"] = (["generator"], True)

# What is made of locks.
named["event"], named["queue"], named["full"] = threading.Event(), queue.Queue(), queue.Queue(1)
named["simple"], named["semaphore"], named["barrier"] = queue.SimpleQueue(), threading.BoundedSemaphore(1), threading.Barrier(2)
named["full"].put(1)
thread("event", named["event"].wait)
thread("getter", named["queue"].get)
thread("putter", named["full"].put, 2)
thread("timed", lambda: named["queue"].get(timeout=1000))
thread("simple", named["simple"].get)
thread("barrier", named["barrier"].wait)
waits += [("event", "event", "wait"), ("getter", "queue", "get"), ("putter", "full", "put"), ("timed", "queue", "get"),
          ("simple", "simple", ""), ("barrier", "barrier", "wait")]


def in_semaphore():
    with named["semaphore"]:
        sleep()


thread("in semaphore", in_semaphore)
while named["semaphore"]._value:
    time.sleep(.01)
held["semaphore"] = (["in semaphore"], True)
thread("wants semaphore", named["semaphore"].acquire)
waits.append(("wants semaphore", "semaphore", "acquire"))
joined = started[0]
thread("joiner", joined.join)
waits.append(("joiner", "joined", "join"))

# An import that takes long, and another that waits for it.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ["SLOW"] = "1"


def imports():
    import slow_import


thread("importer", imports)
while "slow_import" not in sys.modules:
    time.sleep(.01)
import_lock = sys.modules["_frozen_importlib"]._module_locks["slow_import"]()
named["import"] = import_lock
held["import"] = (["importer"], False)
thread("second importer", imports)
waits.append(("second importer", "import", "acquire"))

# Two that wait for each other; one that waits for itself; a thread that is joined by what it waits
# for.
named["a"], named["b"], named["own"], named["joins"] = threading.Lock(), threading.RLock(), threading.Lock(), threading.Lock()
if deadlocks:
    both = threading.Barrier(2)

    def first():
        with named["a"]:
            both.wait()
            with named["b"]:
                pass

    def second():
        with named["b"]:
            both.wait()
            named["a"].acquire()

    def own():
        with named["own"]:
            named["own"].acquire()

    def joins():
        with named["joins"]:
            thread("wants joins", lambda: named["joins"].acquire()).join()

    thread("first", first)
    thread("second", second)
    thread("own", own)
    thread("joins", joins)
    held.update({"a": (["first"], True), "b": (["second"], False), "own": (["own"], True), "joins": (["joins"], True)})
    waits += [("first", "b", ""), ("second", "a", ""), ("own", "own", ""), ("wants joins", "joins", "")]

# Tasks of asyncio.
tasks = {}


async def task_holds(lock, other=None):
    async with lock:
        await asyncio.sleep(.2)
        if other is None:
            await asyncio.sleep(1000)
        async with other:
            pass


async def main():
    loop = asyncio.get_running_loop()
    for name in ("async lock", "x", "y"):
        named[name] = asyncio.Lock()
    named["async queue"], named["async event"] = asyncio.Queue(), asyncio.Event()

    def task(name, coro):
        tasks[name] = loop.create_task(coro)
        tasks[name].set_name(name)
    task("task holder", task_holds(named["async lock"]))
    await asyncio.sleep(.1)
    task("task waiter", task_holds(named["async lock"]))
    task("task getter", named["async queue"].get())
    task("task event", named["async event"].wait())
    if deadlocks:
        task("task x", task_holds(named["x"], named["y"]))
        task("task y", task_holds(named["y"], named["x"]))
    await asyncio.sleep(.5)
    ready.set()
    await asyncio.sleep(1000)


ready = threading.Event()
thread("loop", asyncio.run, main())
ready.wait()
held["async lock"] = (["task holder"], True)
waits += [("task waiter", "async lock", "acquire"), ("task getter", "async queue", "get"), ("task event", "async event", "wait")]
circles = []
if deadlocks:
    held["x"], held["y"] = (["task x"], True), (["task y"], True)
    waits += [("task x", "y", "acquire"), ("task y", "x", "acquire")]
    circles = [["first", "second"], ["own"], ["joins", "wants joins"], ["task x", "task y"]]
named["joined"] = joined
time.sleep(.5)
facts = json.dumps({
    "addresses": {name: hex(id(o)) for name, o in named.items()}, "held": held, "waits": waits, "circles": circles,
    "threads": {t.name: [t.ident, getattr(t, "native_id", 0)] for t in threading.enumerate()},
    "tasks": {name: hex(id(t)) for name, t in tasks.items()}})
if len(sys.argv) > 1 and not sys.argv[-1].startswith("-"):
    with open(sys.argv[-1], "w") as f:
        f.write(facts)
    print("ready", flush=True)
else:
    print(facts, "READY", sep="\n", flush=True)
sys.stdin.readline()
