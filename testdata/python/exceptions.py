"""Threads that handle exceptions, and what they know of these: writes that to a file, then waits."""
import json
import sys
import threading
import traceback


class Shop(Exception):
    def __init__(self, item, price):
        super().__init__(item, price)
        self.item = item


def lookup(orders, name):
    wanted = name * 2
    return orders[wanted]


def serve(name):
    try:
        lookup({}, name)
    except KeyError as e:
        raise Shop("tea", 3) from e


def nested():
    try:
        serve("a")
    except Shop as e:
        if hasattr(e, "add_note"):
            e.add_note("seen in the shop")
        try:
            1 / 0
        except ZeroDivisionError:
            tell("nested")


def plain():
    try:
        lookup({}, "b")
    except KeyError:
        tell("plain")


def generator():
    try:
        lookup({}, "c")
    except KeyError:
        yield tell("generator")


def none():
    tell("none")


def chain(e):
    if e is None:
        return None
    cause = e.__cause__
    context = None if e.__suppress_context__ or cause else e.__context__
    return {"type": type(e).__name__, "args": repr(e.args), "notes": getattr(e, "__notes__", []),
            "frames": [[f.name, f.lineno] for f in traceback.extract_tb(e.__traceback__)],
            "cause": chain(cause), "context": chain(context)}


def tell(name):
    facts[name] = chain(sys.exc_info()[1])
    done.release()
    threading.Event().wait()


facts = {}
done = threading.Semaphore(0)
threads = [nested, plain, none, lambda: list(generator())]
for i, f in enumerate(threads):
    threading.Thread(target=f, name=["nested", "plain", "none", "generator"][i], daemon=True).start()
for _ in threads:
    done.acquire()
with open(sys.argv[1], "w") as f:
    json.dump(facts, f)
print("ready", flush=True)
threading.Event().wait()
