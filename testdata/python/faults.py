"""Has faulthandler set as its arguments say, once, in a module; then dies of what they say."""
import faulthandler
import json
import os
import signal
import sys
import threading

if not hasattr(json, 'faults'):
    json.faults = 'set'
    if 'enable' in sys.argv:
        faulthandler.enable(all_threads=False)
    if 'register' in sys.argv:
        faulthandler.register(signal.SIGUSR1, all_threads=False, chain='chain' in sys.argv)
        faulthandler.register(signal.SIGUSR2, file=1, all_threads=False)


def deep(n):
    if n:
        return deep(n - 1)
    if 'usr1' in sys.argv:
        os.kill(os.getpid(), signal.SIGUSR1)
    if 'usr2' in sys.argv:
        os.kill(os.getpid(), signal.SIGUSR2)
    if 'abort' in sys.argv:
        os.abort()
    if 'overflow' in sys.argv:
        faulthandler._stack_overflow()


print(faulthandler.is_enabled(), flush=True)
deep(3)
print('over')
