"""A program that learns: it counts its runs in a module that stays, as a cache would, and tells what it knows."""
import atexit
import json
import os
import sys


class Tool:
    def main(self):
        json.runs = getattr(json, 'runs', []) + [sys.argv[1:]]
        print(json.runs, __name__, os.path.basename(sys.argv[0]), os.path.basename(__file__))


def bye():
    print('bye from a run with', sys.argv[1:], len(json.runs))


if __name__ == '__main__':
    sys.stdout = open(1, 'w', closefd=False)  # as programs do that want another encoding
    atexit.register(bye)
    if sys.argv[1:] == ['hard']:
        os._exit(7)
    if sys.argv[1:] == ['raise']:
        raise KeyError('raised')
    Tool().main()
    if sys.argv[1:] == ['shell']:
        os.execv('/bin/true', ['true'])
    sys.exit(len(sys.argv) - 1)
