"""Keeps files open in the module json: one half read, a log that is appended to, random numbers. Run on its image it goes on with them."""
import json
import logging
import os
import signal
import sys


def main():
    if not hasattr(json, 'kept'):
        book = open(sys.argv[1])
        raw = open(sys.argv[1], 'rb', buffering=0)
        os.lseek(raw.fileno(), 7, os.SEEK_SET)
        log = logging.FileHandler(sys.argv[1] + '.log')
        again = os.fdopen(log.stream.fileno(), 'w', closefd=False)  # two objects, one descriptor
        json.kept = book, raw, log, again, open('/dev/urandom', 'rb')
        first = book.readline()
        log.stream.write('first ' + first)
        log.stream.flush()
        signal.signal(signal.SIGTERM, lambda *args: None)
        print('ready', flush=True)
        signal.pause()
        print('done whole' if book.readline() == 'line 1\n' and raw.read(6) == b'line 1' else 'broken', flush=True)
        os._exit(0)
    book, raw, log, again, random = json.kept
    log.stream.write('thawed ' + book.readline())
    log.flush()
    again.write('again\n')
    again.flush()
    inherited = [os.get_inheritable(f.fileno()) for f in json.kept if f is not log]
    print(raw.read(6).decode(), len(random.read(3)), log.stream.fileno() == again.fileno(), inherited, book.fileno() - int(sys.argv[1]))


main()
