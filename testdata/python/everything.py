"""Uses much of the standard library, prints what comes of it; a thaw of it must print the same."""
import asyncio
import collections
import concurrent.futures
import ctypes
import datetime
import decimal
import gc
import hashlib
import json
import logging
import multiprocessing
import random
import re
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import weakref

begun = sorted(globals())  # 3.14 and 3.15 begin with less


class Kept:
    """What an earlier run has left in a module comes back as it was: identities, hashes, subclasses, weak references."""
    slots = {}

    def __init__(self):
        self.types = {int: 'int', Kept: 'Kept', len: 'len', json.dumps: 'dumps', self.method: 'method'}
        self.set = {frozenset((1, 2)), 'text', 3.5, None}
        self.weak = weakref.WeakValueDictionary(me=self)
        self.generator = (i * i for i in range(10))
        self.first = next(self.generator), next(self.generator)

    def method(self):
        return 'method'

    def whole(self):
        return (self.types[int], self.types[type(self)], self.types[len], self.types[json.dumps], self.types[self.method], frozenset((2, 1)) in self.set,
                self.weak['me'] is self, Kept in object.__subclasses__() or type(self) in object.__subclasses__(), next(self.generator))



def work():
    out = []
    t = threading.Thread(target=lambda: out.append(sum(range(100))))
    t.start()
    t.join()
    logging.getLogger('x').debug('y')
    out.append(asyncio.run(asyncio.sleep(0, 'slept')))
    out.append(str(decimal.Decimal(1) / 3))
    out.append(hashlib.sha256(b'x').hexdigest()[:8])
    out.append(subprocess.run(['echo', 'sub'], stdout=subprocess.PIPE).stdout.decode())
    with concurrent.futures.ThreadPoolExecutor(2) as p:
        out.append(list(p.map(str, range(3))))
    db = sqlite3.connect(':memory:')
    out.append(db.execute('select 1+1').fetchall())
    out.append(threading.current_thread() is threading.main_thread())
    out.append(threading.main_thread().ident == threading.get_ident())
    out.append(ctypes.CDLL(None).abs(-3))
    with multiprocessing.get_context('fork').Pool(1) as p:
        out.append(p.map(abs, [-1]))
    try:
        1 / 0
    except ZeroDivisionError as e:
        out.append(str(e))
    out.append(re.sub('a+', 'b', 'caat'))
    out.append(datetime.date(2020, 1, 1).isoformat())
    out.append(sys.getallocatedblocks() > 0)  # looks at every pool of every arena
    ref = weakref.ref(C())
    out.append(ref())  # 3.14 puts the end of objects off where it thinks the C stack exhausted
    if 'quick' not in sys.argv:
        nested = []
        for _ in range(500000):
            nested = [nested]
        try:
            repr(nested)
        except RecursionError:
            out.append('too deep')
    return out


class C:
    pass


print(sys.argv[1:], work())
if hasattr(json, 'kept'):
    print('kept', json.kept.whole())
else:
    json.kept = Kept()
print(len([C() for i in range(10000)]), gc.collect() >= 0, random.random() != random.random(), tempfile.gettempdir(), ssl.OPENSSL_VERSION, collections.Counter('aab'), begun)
