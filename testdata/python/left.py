# What a run changes: modules of the program, one of Python's own, the environment.
import argparse
import os
import sys
import time

import leftstate


def main():
    leftstate.ARGS[:] = [w for w in sys.argv[1:] if w != 'wait']
    leftstate.count += 1
    leftstate.secret = 'secret of the run'
    leftstate.settings.level = 5
    argparse.SUPPRESS = 'changed'
    os.environ['LEFT'] = 'by the run'
    import decimal
    leftstate.cache[decimal.Decimal] = 1
    if 'wait' in sys.argv:
        print('ready', flush=True)
        time.sleep(60)
    print('ready', leftstate.count)


main()
