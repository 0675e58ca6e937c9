"""Makes secrets of many kinds, forgets them, and says which: 'kind reversed-secret' a line. Then "ready". One,
'kept', it keeps. Run again on its image, it works for a while and says "works"."""

import gc
import hashlib
import io
import json
import os
import re
import signal
import ssl
import sys
import tempfile
import threading
import zlib
from binascii import hexlify

made = []


def secret(kind):
    # Nothing keeps the secret itself: what is printed is the reverse.
    s = hexlify(os.urandom(20)).decode()
    made.append(kind + ' ' + s[::-1])
    return s


def big(s, n):
    return s * (n // len(s))


class Holder:
    def __init__(self, v):
        self.v = v


def fails(s):
    local = s.upper().lower()
    raise ValueError(local)


def make():
    # The secret is only ever held by names that die with this function, and by what it makes of them.
    s = secret('str'); t = s + s; del s, t
    s = secret('latin'); t = s + '\xe9'; del s, t
    s = secret('wide'); t = '\u1234' + s + '\u1234'; del s, t
    s = secret('astral'); t = '\U0001f600' + s; del s, t
    s = secret('bytes').encode(); t = s + b'!'; del s, t
    s = bytearray(secret('bytearray').encode()); s.extend(b"more"); del s[10:]; s.clear(); del s
    for n in (300, 600, 3000, 40000, 200000, 2000000):
        s = big(secret('big%d' % n), n); t = s.encode(); u = bytearray(t); del s, t, u
    s = [secret('list')] * 5; del s
    s = {secret('key'): secret('value')}; del s
    s = Holder(secret('attribute')); del s
    s = (lambda v: lambda: v)(secret('closure')); s(); del s
    s = {secret('set')}; del s
    with tempfile.TemporaryFile() as f:
        f.write(secret('file').encode()); f.seek(0); s = f.read(); del s
    with tempfile.NamedTemporaryFile('w+') as f:
        f.write(secret('textfile') + '\n'); f.flush(); f.seek(0); s = f.readline(); del s
    s = hashlib.sha256(secret('sha256').encode()); s.update(secret('update').encode() * 3); s.digest(); del s
    s = json.loads(json.dumps({'a': [secret('json')]})); del s
    s = zlib.decompress(zlib.compress(secret('zlib').encode() * 3)); del s
    s = re.match('(.*)', secret('match')); s.group(1); del s
    s = io.BytesIO(); s.write(secret('bytesio').encode() * 30); s.getvalue(); del s
    s = io.StringIO(); s.write(secret('stringio') * 30); s.getvalue(); del s
    os.environ['A_SECRET'] = secret('environ'); del os.environ['A_SECRET']
    try:
        fails(secret('traceback'))
    except ValueError:
        pass
    t = threading.Thread(target=lambda v: v + v, args=(secret('thread'),)); t.start(); t.join(); del t
    s = '%s and %s' % (secret('format'), f'{secret("fstring")}!'); del s
    s = int(secret('int'), 16); del s
    s = memoryview(secret('memoryview').encode()).tolist(); del s
    s = secret('split').split('a'); del s


def work():
    keep = [[i] * (i % 50) for i in range(3000)] + [bytes(i) for i in range(3000)]
    keep += ['x' * i for i in range(0, 100000, 997)]
    d = {str(i): {i: (i, str(i))} for i in range(20000)}
    assert json.loads(json.dumps(list(d))) == list(d)
    del keep[::2]
    gc.collect()
    ts = [threading.Thread(target=lambda: [bytearray(i) for i in range(2000)]) for _ in range(4)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    assert re.fullmatch(r'(\d+ )+', ' '.join(d) + ' ')
    ssl.create_default_context()
    hashlib.sha512(b'x' * 100000).hexdigest()
    del d, keep
    gc.collect()


if len(sys.argv) > 1 and sys.argv[1] == 'freeze':
    json.kept = secret('kept')  # the thawed program has another __main__
    work()
    # A thread of its own, whose stack is gone with it: the main one's is in use.
    for _ in range(3):
        t = threading.Thread(target=make)
        t.start()
        t.join()
    make()
    t = None
    gc.collect()
    for line in made:
        print(line)
    print('ready', flush=True)
    signal.sigwait([signal.SIGTERM])
else:
    work()
    print('works', json.kept[::-1])
