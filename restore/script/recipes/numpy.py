# Recipe for programs that use numpy: the generator behind numpy.random's functions is seeded anew, as Python's own is after a fork.
# Chosen by itself when numpy.random is loaded, beside that of a program.

DETECT = 'numpy.random'

import sys


def thaw():
    sys.modules['numpy.random'].seed()
