# Recipe for programs that use numpy: the generator behind numpy.random's functions is seeded anew, as Python's own is after a fork.
# Chosen by itself when numpy.random is loaded, beside that of a program.

DETECT = 'numpy.random'
GOES_ON = ('randomness is of each run',)

import sys


def thaw():
    random = sys.modules['numpy.random']
    if config['resume']:
        # Just seeded by the program, with a number: init_genrand() of the Mersenne twister.
        first, second = (int(n) for n in random.get_state()[1][:2])
        if second == (1812433253 * (first ^ first >> 30) + 1) & 0xffffffff:
            return
    random.seed()
