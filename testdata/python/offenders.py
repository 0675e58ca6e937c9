"""Holds what cannot be cloned, one kind a mode, in the module json; run again on its image, it says "thawed"."""
import asyncio
import concurrent.futures
import faulthandler
import fcntl
import json
import logging
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import pty
import select
import signal
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import weakref


def socket_():
    return socket.create_server(('127.0.0.1', 0))


def pipe():
    return [os.fdopen(fd, 'rb' if i == 0 else 'wb') for i, fd in enumerate(os.pipe())]


def epoll():
    return select.epoll()


def pty_():
    return [open(fd, 'rb', buffering=0) for fd in pty.openpty()]


def memfd():
    return open(os.memfd_create('x'), 'wb')


def file():
    return open(os.environ['OFFENDER_DB'], 'w')


def unwritten():
    f = open(os.environ['OFFENDER_DB'], 'a')
    f.write('x')
    return f


def locked():
    f = open(os.environ['OFFENDER_DB'], 'a')
    fcntl.flock(f, fcntl.LOCK_EX)
    return f


def removed():
    f = open(os.environ['OFFENDER_DB'], 'a')
    os.remove(f.name)
    return f


def child():
    return subprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def tempdir():
    return tempfile.TemporaryDirectory()


def sqlite():
    db = sqlite3.connect(os.environ['OFFENDER_DB'])
    db.execute('create table if not exists t (a)')
    db.commit()
    return db


def wakeup_fd():
    a, b = socket.socketpair()
    a.setblocking(False)
    signal.set_wakeup_fd(a.fileno())
    return a, b


def thread():
    t = threading.Thread(target=time.sleep, args=(600,))
    t.start()
    return t


def held(lock):
    lock.acquire()
    return lock


def left():
    lock = threading.RLock()
    t = threading.Thread(target=lock.acquire)
    t.start()
    t.join()
    return lock


def finalizer():
    class Owner:
        pass
    path = tempfile.mkdtemp()
    owner = Owner()
    owner.end = weakref.finalize(owner, shutil.rmtree, path, True)
    return owner


def tempfile_():
    return tempfile.NamedTemporaryFile()


def mpchild():
    p = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))
    p.start()
    return p


def loop():
    """A loop that runs, as seen from a callback of it that blocks."""
    loop = asyncio.new_event_loop()
    json.held = [loop]
    loop.call_soon(wait)
    loop.run_forever()


def watchdog():
    faulthandler.dump_traceback_later(600)


def tls():
    raw, other = socket.socketpair()
    context = ssl.create_default_context()
    return [context.wrap_socket(raw, server_hostname='x', do_handshake_on_connect=False), other]


def mapped():
    with open(os.environ['OFFENDER_DB'] + '.map', 'wb+') as f:
        f.truncate(4096)
        return mmap.mmap(f.fileno(), 4096)


def shared_memory():
    return multiprocessing.shared_memory.SharedMemory(create=True, size=4096)


def subinterpreter():
    import _xxsubinterpreters
    return _xxsubinterpreters.create()


def nothing():
    """What looks like an offender, and is none."""
    logging.getLogger('x').warning
    pool = concurrent.futures.ThreadPoolExecutor(2)
    with concurrent.futures.ThreadPoolExecutor(2) as used:
        list(used.map(str, range(10)))
    done = threading.Thread(target=str)
    done.start()
    done.join()
    daemon = threading.Thread(target=time.sleep, args=(600,), daemon=True)
    daemon.start()
    waiting = threading.Condition()
    def wait_for_it():
        with waiting:
            waiting.wait()
    waiter = threading.Thread(target=wait_for_it, daemon=True)
    waiter.start()
    while not waiting._waiters:
        time.sleep(0.01)
    asyncio.run(asyncio.sleep(0))
    with tempfile.TemporaryDirectory() as d:
        pass
    with tempfile.NamedTemporaryFile() as f:
        pass
    faulthandler.dump_traceback_later(600)
    faulthandler.cancel_dump_traceback_later()
    cleaned = finalizer()
    cleaned.end()
    return [pool, used, done, daemon, waiting, waiter, d, f, cleaned, threading.Lock(), threading.RLock(), threading.Semaphore(3), threading.Event(),
            threading.Barrier(2), asyncio.new_event_loop().close()]


MODES = {'socket': socket_, 'pipe': pipe, 'epoll': epoll, 'pty': pty_, 'memfd': memfd, 'file': file, 'unwritten': unwritten, 'locked': locked, 'removed': removed, 'child': child,
         'tempdir': tempdir, 'sqlite': sqlite, 'wakeup-fd': wakeup_fd, 'thread': thread,
         'lock': lambda: held(threading.Lock()), 'rlock': lambda: held(threading.RLock()), 'condition': lambda: held(threading.Condition()),
         'semaphore': lambda: held(threading.Semaphore()), 'bounded': lambda: held(threading.BoundedSemaphore(2)), 'left': left,
         'finalizer': finalizer, 'tempfile': tempfile_, 'mpchild': mpchild, 'asyncio': loop, 'watchdog': watchdog, 'tls': tls,
         'mapped': mapped, 'shm': shared_memory, 'semlock': lambda: multiprocessing.Lock(), 'nothing': nothing, 'subinterpreter': subinterpreter}


def wait():
    signal.signal(signal.SIGTERM, lambda *args: None)
    print('ready', flush=True)
    signal.pause()
    for held in json.held:
        if isinstance(held, subprocess.Popen):
            held.kill()
            held.wait()
        if isinstance(held, multiprocessing.process.BaseProcess):
            held.kill()
            held.join()
        if isinstance(held, tempfile.TemporaryDirectory):
            held.cleanup()
        if isinstance(held, tempfile._TemporaryFileWrapper):
            held.close()
        if isinstance(held, multiprocessing.shared_memory.SharedMemory):
            held.close()
            held.unlink()
        if hasattr(held, 'end'):
            held.end()
    print('done whole', flush=True)
    os._exit(0)


if len(sys.argv) > 1:
    json.held = [MODES[mode]() for mode in sys.argv[1].split(',')]
    wait()
else:
    print('thawed', len(json.held))
