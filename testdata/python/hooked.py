# A module whose functions are called before a program is frozen, and after it has thawed.
import os
import signal
import socket
import sys

from snapshot_restore_py import register_after_restore, register_before_snapshot

log, ends, connection = [], [], None
FAILS = os.environ.get('FAILS')
signal.signal(signal.SIGCHLD, lambda *args: ends.append(args[0]))


def fail(when):
    log.append(when)
    if FAILS == when:
        raise ValueError('it fails\n' + when)
    if FAILS == when + ' by exit':
        sys.exit(3)
    if FAILS == when + ' by the end':
        os._exit(0)
    if FAILS == when + ' by waiting':
        print('waiting', flush=True)
        signal.pause()


def connect():
    global connection
    connection = socket.socketpair()[0]
    log.append('connected')


@register_before_snapshot
def close():
    if connection is not None:
        connection.close()
    fail('first before')


register_before_snapshot(fail, when='second before')
register_before_snapshot(print, 'from a hook at the freeze')
register_after_restore(fail, 'first after')


@register_after_restore
def reconnect():
    connect()
    print('from a hook of the thaw')
