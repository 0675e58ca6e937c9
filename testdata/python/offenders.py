"""Holds what cannot be cloned, one kind a mode, in the module json; run again on its image, it says "thawed"."""
import json
import os
import pty
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time


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
    return open(__file__)


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


MODES = {'socket': socket_, 'pipe': pipe, 'epoll': epoll, 'pty': pty_, 'memfd': memfd, 'file': file, 'child': child,
         'tempdir': tempdir, 'sqlite': sqlite, 'wakeup-fd': wakeup_fd, 'thread': thread}

if len(sys.argv) > 1:
    json.held = [MODES[mode]() for mode in sys.argv[1].split(',')]
    signal.signal(signal.SIGTERM, lambda *args: None)
    print('ready', flush=True)
    signal.pause()
    for held in json.held:
        if isinstance(held, subprocess.Popen):
            held.kill()
            held.wait()
        if isinstance(held, tempfile.TemporaryDirectory):
            held.cleanup()
    print('done whole', flush=True)
    os._exit(0)
else:
    print('thawed', len(json.held))
