#!/usr/bin/env python3
"""Says how its interpreter was started, and works a little. With the word "wait" it then waits for its input to end."""
import decimal
import json
import os
import signal
import sys
import warnings
import zlib

if 'ctypes' in sys.argv:
    import ctypes  # its libraries are ld.so's to load


def facts():
    flags = {name: getattr(sys.flags, name) for name in dir(sys.flags) if name[0] != '_' and isinstance(getattr(sys.flags, name), (int, bool))}
    return {
        'argv': sys.argv, 'executable': sys.executable, 'prefix': sys.prefix, 'exec_prefix': sys.exec_prefix, 'base_prefix': sys.base_prefix,
        'path': sys.path, 'flags': flags, 'options': sys._xoptions, 'warnoptions': sys.warnoptions, 'debug': __debug__, 'doc': __doc__ is not None,
        'node': os.uname().nodename, 'home': os.environ.get('PYTHONHOME'), 'site': 'site' in sys.modules, 'packages': packages(),
        'personality': open('/proc/self/personality').read().strip(), 'write_through': sys.stdout.write_through,
        'filters': [(f[0], f[2].__name__) for f in warnings.filters if f[2].__module__ == 'builtins'], 'faults': faults(),
    }


def packages():
    site = sys.modules.get('site')
    return site and [site.ENABLE_USER_SITE, site.PREFIXES]


def faults():
    handler = sys.modules.get('faulthandler')
    return handler is not None and handler.is_enabled()


def work():
    assert sys.argv[1:] != ['asserts'], 'an assertion'
    held = [bytearray(n % 700) for n in range(20000)]
    text = json.dumps({str(n): [n, float(n)] for n in range(2000)})
    kept = sys.modules['json'].__dict__.setdefault('kept', [])  # blocks of the frozen process and of this one
    for n, b in enumerate(kept):
        b.extend(bytes(5 * n % 3000))
    del kept[::2]
    kept.extend(bytearray(17 * n % 5000 + 1) for n in range(500))
    return len(held), zlib.crc32(text.encode()), str(decimal.Decimal(2).sqrt()), len(json.loads(text))


if 'much' in sys.argv:
    json.much = bytearray(300 << 20)
print(json.dumps(facts(), sort_keys=True))
print(work())
if 'crash' in sys.argv:
    sys.stdout.flush()
    os.kill(os.getpid(), 11)
if 'wait' in sys.argv:
    signal.signal(signal.SIGTERM, lambda *args: None)
    print('ready', flush=True)
    sys.stdin.read()
    print('done whole')
