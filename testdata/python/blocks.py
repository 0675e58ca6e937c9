"""Makes a heap of many sizes, half of it freed, and tells what the allocators count: mallinfo2 as JSON, then
sys._debugmallocstats. Then it waits for its input."""
import ctypes
import json
import os
import sys
import threading


class Info(ctypes.Structure):
    _fields_ = [(n, ctypes.c_size_t) for n in 'arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost'.split()]


def work():
    keep = []
    for n in range(1, 3000):
        keep.append(bytes(n % 700))
        keep.append([None] * (n % 50))
        keep.append({i: n for i in range(n % 20)})
    del keep[::2]
    return keep


kept = work()
kept.append([bytearray(300_000) for i in range(5)])
threads = []
stop = threading.Event()
blocks = []


def in_thread():
    blocks.append([bytearray(600 + n) for n in range(2000)][::2])  # an arena of malloc's of its own
    ready.wait()
    stop.wait()


ready = threading.Barrier(3)
for i in range(2):
    threads.append(threading.Thread(target=in_thread, daemon=True))
    threads[-1].start()
ready.wait()
libc = ctypes.CDLL(None)
os.dup2(1, 2)
if sys.version_info >= (3, 9):
    import gc
    gc.collect()
    gc.disable()
if hasattr(libc, 'mallinfo2'):
    libc.mallinfo2.restype = Info
    for i in range(2):  # the second time, all that this allocates is there
        info = libc.mallinfo2()
        os.write(1, json.dumps({n: getattr(info, n) for n, _ in Info._fields_}).encode() + b'\n')
sys._debugmallocstats()
os.write(1, b'READY\n')
os.read(0, 1)
