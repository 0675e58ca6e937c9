"""Keeps C strings in blocks of malloc's whose former contents show behind them: links of free chunks, which point into libc."""
import ctypes
import sys

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
SIZE = 2000  # not of the sizes that threads cache


def keep(text):
    p = libc.malloc(SIZE)
    libc.malloc(SIZE)  # so that p does not become part of the free memory behind it
    libc.free(p)
    p = libc.malloc(SIZE)
    ctypes.memmove(p, text + b'\0', len(text) + 1)
    return p


if not hasattr(sys, 'kept'):
    texts = [b'0123456789abcdef'[:n] for n in range(1, 17)]
    sys.kept = {keep(text): text for text in texts}
print([text for p, text in sys.kept.items() if ctypes.string_at(p) != text])
