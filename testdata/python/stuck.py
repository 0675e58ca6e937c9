"""A program that never comes to rest where pyfreeze would like it to: in the state that its argument names."""
import ctypes
import gc
import re
import sys
import threading
import time


class Slow:
    def __del__(self):
        time.sleep(1000)


def in_c():
    re.match(r"(a+)+$", "a" * 60 + "b")


def collecting():
    slow = Slow()
    slow.me = slow
    del slow
    gc.collect()


def ending():
    global kept
    kept = Slow()
    sys.exit()


def looping():
    n = 0
    while True:
        n += 1


def deep(depth=5000):
    sys.setrecursionlimit(10000)
    if depth:
        deep(depth - 1)
    time.sleep(1000)


def subinterpreter():
    import _xxsubinterpreters as interpreters
    other = interpreters.create()
    threading.Thread(target=interpreters.run_string, args=(other, "import time; inside = 1; time.sleep(1000)")).start()
    time.sleep(1000)


def native_thread():
    libc = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(thread), None, libc.sleep, ctypes.c_void_p(1000))
    time.sleep(1000)


print("ready", flush=True)
globals()[sys.argv[1]]()
