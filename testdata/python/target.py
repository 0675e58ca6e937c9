"""A program to freeze. Its first argument says what it is doing when it is frozen; when it is run
again on its own image (with any other arguments) it says what it found.

Every mode prints "ready" once it is in the state to freeze, and on SIGTERM or end of input prints
"done" and whether its own data is still right, so that a test sees whether freezing hurt it.
"""

import decimal
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
import zlib

# Imported so that the image holds them.
import asyncio  # noqa: F401
import collections  # noqa: F401
import ctypes  # noqa: F401
import random  # noqa: F401
import subprocess  # noqa: F401
import tempfile  # noqa: F401
import uuid  # noqa: F401

import warmed

warmed.check  # imported now, also where imports are lazy

stop = False


def on_term(signum, frame):
    global stop
    stop = True


def say(text):
    print(text, flush=True)


class Node:
    def __init__(self, value, after):
        self.value = value
        self.after = after


def compute(rounds=None):
    """Makes, changes and drops objects of many kinds, checking them; every eval-loop check and every
    collection finds it busy. Returns the number of rounds done, or stops at rounds."""
    done = 0
    while not stop and (rounds is None or done < rounds):
        chain = None
        for i in range(200):
            chain = Node(str(i), chain)
        table = {n: (n, [n], {n: n}) for n in range(300)}
        for n in range(0, 300, 3):
            del table[n]
        cycle = [table]
        cycle.append(cycle)
        total = 0
        while chain:
            total += int(chain.value)
            chain = chain.after
        text = json.dumps(sorted(table))
        assert total == 199 * 200 // 2 and len(json.loads(text)) == 200
        assert decimal.Decimal(total) / 2 == decimal.Decimal(9950)
        done += 1
    return done


def finish(what=""):
    say("done %s%s" % (warmed.check(), what))


def blocked():
    say("ready")
    sys.stdin.read()
    finish()


def busy():
    say("ready")
    finish(" computed" if compute() else " nothing")


def one_long_call():
    """Stays inside single C calls for most of a second: no safe point comes soon."""
    say("ready")
    while not stop:
        sum(range(20_000_000))
    finish()


def start_daemons(work):
    threads = [threading.Thread(target=t, daemon=True) for t in work]
    for t in threads:
        t.start()
    return threads


def sleeper():
    while not stop:
        time.sleep(0.01)


def lock_waiter():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def busy_daemons():
    """The main thread computes; daemon threads compute, sleep and wait for a lock."""
    start_daemons([compute, compute, sleeper, lock_waiter])
    busy()


def main_blocked():
    """The main thread is blocked in a read while a daemon thread holds the GIL most of the time."""
    start_daemons([compute, sleeper])
    say("ready")
    sys.stdin.read()
    finish()


def blocked_threads():
    """Every thread is blocked, each in another system call."""
    event = threading.Event()
    start_daemons([lock_waiter, event.wait, lambda: time.sleep(3600)])
    blocked()


def hashing():
    """Large data is hashed and compressed with the GIL released."""
    def work():
        data = bytes(8 << 20)
        while not stop:
            hashlib.sha256(data).digest()
            zlib.compress(data, 1)
    start_daemons([work])
    busy()


def not_daemon():
    """Another thread that is no daemon: to be refused."""
    threading.Thread(target=sleeper).start()
    main_blocked()


def connected():
    """An open socket owned by a module: to be refused, by name."""
    server = socket.create_server(("127.0.0.1", 0))
    warmed.CONNECTION = socket.create_connection(server.getsockname())
    blocked()


def open_file():
    """A file that a module keeps open at an offset."""
    warmed.LOG = open(os.environ["KEPT_FILE"], "rb")
    warmed.LOG.seek(7)
    blocked()


def report():
    print("born elsewhere:", warmed.BORN_IN != os.getpid())
    print("heap:", warmed.check())
    print("rounds:", compute(3))
    print("argv:", sys.argv[1:])
    print("threads:", threading.active_count(), threading.current_thread() is threading.main_thread())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, on_term)
    mode = globals().get(sys.argv[1].replace("-", "_")) if len(sys.argv) > 1 else None
    (mode or report)()
