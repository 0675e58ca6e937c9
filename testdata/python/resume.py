"""A program that is frozen where main() is called, inside a with block and a generator, and goes on there: what it prints from there on is what a plain
run prints. The first line tells the process that the module was executed in."""
import atexit
import contextlib
import contextvars
import os
import signal
import subprocess
import sys
import threading
import traceback

born = os.getpid()
variable = contextvars.ContextVar('variable', default='unset')


@contextlib.contextmanager
def inside(name):
    print('enter', name)
    try:
        yield name.upper()
    finally:
        print('leave', name)


def numbers():
    total = 0
    while True:
        got = yield total
        total += got


def depth(n=0):
    try:
        return depth(n + 1)
    except RecursionError:
        return n


def main(counter, name):
    print('main', sys.argv[1:], name, counter.send(2), variable.get())
    print('stack', [f.name for f in traceback.extract_stack()])
    print('deep', depth() > sys.getrecursionlimit() - 50)
    try:
        raise KeyError('raised')
    except KeyError as e:
        print('caught', e, e.__traceback__.tb_frame.f_code.co_name, e.__context__)
    done = []
    t = threading.Thread(target=lambda: done.append(threading.current_thread().name))
    t.start()
    t.join()
    print('thread', done, threading.active_count(), threading.main_thread().ident == threading.get_ident())
    print('child', subprocess.run([sys.executable, '-c', 'print(1)'], stdout=subprocess.PIPE).stdout)
    pid = os.fork()
    if pid == 0:
        os._exit(counter.send(1))
    print('forked', os.waitpid(pid, 0)[1] >> 8)
    calls = []
    sys.setprofile(lambda frame, event, arg: calls.append(event))
    len([])
    sys.setprofile(None)
    print('profile', calls)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000000):
            pass
        print('no interrupt')
    except KeyboardInterrupt:
        print('interrupted')
    atexit.register(print, 'last', flush=True)
    return 3


def run():
    counter = numbers()
    next(counter)
    variable.set('set')
    atexit.register(print, 'registered before')
    with inside('block') as name:
        yield main(counter, name)
        print('after', counter.send(5))


if __name__ == '__main__':
    sys.stdout = open(1, 'w', closefd=False)
    for result in run():
        print('result', result)
    print('elsewhere', born != os.getpid(), file=sys.stderr)
    sys.exit(4)
