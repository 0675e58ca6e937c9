"""Imports much with libraries of its own, and has data that looks like addresses in them. Run with "freeze" it waits for SIGTERM; run
on its image it waits for the end of its input."""
import asyncio
import bz2
import csv
import ctypes
import datetime
import decimal
import hashlib
import json
import lzma
import multiprocessing
import os
import pickle
import readline
import select
import signal
import sqlite3
import ssl
import struct
import sys
import unicodedata
import uuid
import xml.etree.ElementTree
import zlib

if sys.argv[1] == 'freeze':
    libc = ctypes.CDLL(None)
    address = ctypes.cast(libc.qsort, ctypes.c_void_p).value
    json.ints = [address + 8 * i for i in range(100)]
    json.texts = [struct.pack('<Q', n) * 4 for n in json.ints]
    json.kept = [decimal.Decimal(3) / 7, datetime.datetime.now(), sqlite3.connect(':memory:'), ssl.create_default_context(), hashlib.sha256(b'x'),
                 zlib.compressobj(), bz2.BZ2Compressor(), lzma.LZMACompressor(), xml.etree.ElementTree.fromstring('<a><b/></a>')]
    json.kept[2].execute('create table t (a)')
    signal.signal(signal.SIGTERM, lambda *args: None)
    print('ready', flush=True)
    signal.pause()
    print('done whole', flush=True)
    os._exit(0)
json.kept[2].execute('insert into t values (1)')
print('ready', flush=True)
sys.stdin.read()
