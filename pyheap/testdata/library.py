"""Imports the whole standard library, uses much of it, and prints every object that the collector knows: id, type,
size, and the ids of what gc.get_referents says of it. Then waits to be captured. With 'more' as argument it uses
packages from outside, too."""
import gc, importlib, io, os, pkgutil, sys, warnings

warnings.simplefilter("ignore")
del sys.path[0]  # this directory has modules, too
SKIP = {"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "lib2to3", "test", "__main__", "pip",
        "ensurepip", "distutils", "msilib", "nturl2path", "_aix_support", "_osx_support", "nt", "ntpath"}
loaded = failed = 0
for name in sorted(getattr(sys, "stdlib_module_names", None) or {m.name for m in pkgutil.iter_modules()}):
    if name in SKIP or name.startswith(("_test", "_xx", "xx", "_sysconfigdata", "_tkinter")):
        continue
    try:
        importlib.import_module(name)
        loaded += 1
    except (ImportError, OSError):
        failed += 1

import array, ast, asyncio, bz2, codecs, collections, contextvars, csv, ctypes, datetime, decimal, fractions, functools
import hashlib, hmac, itertools, json, logging, lzma, mmap, operator, pickle, queue, random, re, socket, sqlite3, ssl, struct
import threading, types, typing, unicodedata, uuid, weakref, zlib
import xml.etree.ElementTree as ET

keep = {}


class Slots:
    __slots__ = ("a", "b", "__weakref__")


class Sub(Slots):
    __slots__ = ("c", "__dict__")


class Plain:
    def __init__(self, n):
        self.n, self.text = n, str(n)


class IntSub(int):
    pass


class StrSub(str):
    __slots__ = ()


class ListSub(list):
    pass


def generator():
    local = ["local"]
    yield local


async def coroutine():
    await asyncio.sleep(0)


async def agenerator():
    yield 1


@functools.lru_cache(maxsize=20)
def cached(x):
    return [x]


@functools.lru_cache(maxsize=None)
def unbounded(x):
    return [x]


@functools.singledispatch
def single(x):
    return x


single.register(int, lambda x: x)


class S(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("p", ctypes.c_void_p), ("s", ctypes.c_char_p), ("arr", ctypes.c_double * 3)]


def use():
    k = keep
    s = Sub(); s.a = ["a"]; s.c = {"c": 1}; s.other = (1, "x")
    k["slots"] = [s, Slots(), weakref.ref(s, lambda r: None), weakref.WeakSet([s]), weakref.proxy(s)]
    k["plain"] = [Plain(i) for i in range(300)]
    k["split"] = [vars(p) for p in k["plain"][:50]]
    k["subs"] = [IntSub(5), IntSub(10 ** 40), StrSub("x" * 50), ListSub([1, 2])]
    k["subs"][0].attr = ["attr"]
    k["strings"] = ["", "a", "\xe9" * 30, "\u1234" * 30, "\U0001f600" * 30, "x" * 5000, sys.intern("interned one")]
    k["ints"] = [0, 1, -1, 2 ** 30, 2 ** 60, -2 ** 90, True, 1.5, 2 + 3j]
    k["od"] = collections.OrderedDict((str(i), [i]) for i in range(50))
    k["dq"] = collections.deque(([i] for i in range(300)), maxlen=250)
    k["dd"] = collections.defaultdict(list, a=[1])
    k["counter"] = collections.Counter("hello world")
    k["chain"] = collections.ChainMap({}, {"a": 1})
    k["sets"] = [set(range(n)) for n in (0, 3, 8, 100)] + [frozenset(map(str, range(50)))]
    k["dicts"] = [{}, {1: 2}, {str(i): i for i in range(100)}, dict.fromkeys(range(1000))]
    [cached(i) for i in range(40)]; [unbounded(i) for i in range(40)]
    k["partial"] = functools.partial(print, 1, sep=["x"])
    k["struct"] = [struct.Struct("<3sIQ"), struct.Struct("10d")]
    k["re"] = [re.compile(r"(?P<a>x+)(y|z)*"), re.match("(a)(b)?", "ab"), re.finditer("a", "banana")]
    k["io"] = [io.BytesIO(b"x" * 100), io.StringIO("text" * 50), open(os.devnull), open(os.devnull, "rb"), io.TextIOWrapper(io.BytesIO())]
    k["io"][0].getbuffer
    k["mem"] = [memoryview(b"abc"), memoryview(bytearray(100))[10:20], array.array("q", range(500)), bytearray(3000)]
    k["mmap"] = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE)
    k["dt"] = [datetime.datetime.now(), datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(3), datetime.date.today(),
               datetime.time(1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))]
    k["dec"] = [decimal.Decimal("1.5"), decimal.Decimal("9" * 200), decimal.getcontext().copy(), fractions.Fraction(1, 3)]
    db = sqlite3.connect(":memory:")
    db.execute("create table t (a, b)"); db.executemany("insert into t values (?, ?)", [(i, str(i)) for i in range(100)])
    db.create_function("f", 1, lambda x: x); db.row_factory = sqlite3.Row
    k["db"] = [db, db.cursor(), db.execute("select * from t").fetchone()]
    k["ssl"] = [ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.MemoryBIO()]
    k["hash"] = [hashlib.sha256(b"x"), hashlib.md5(b"x"), hashlib.blake2b(b"x"), hashlib.sha3_256(b"x"), hmac.new(b"k", b"m", "sha1")]
    k["z"] = [zlib.compressobj(), zlib.decompressobj(), bz2.BZ2Compressor(), bz2.BZ2Decompressor(), lzma.LZMACompressor(), lzma.LZMADecompressor()]
    g = generator(); next(g)
    c = coroutine(); a = agenerator()
    k["gens"] = [g, generator(), c, a, (x for x in [1, 2])]
    c.close()
    v = contextvars.ContextVar("v", default=["d"]); v.set({"set": 1})
    k["ctx"] = [v, contextvars.copy_context(), v.set(1)]
    k["pickle"] = [pickle.Pickler(io.BytesIO()), pickle.Unpickler(io.BytesIO(pickle.dumps({"a": [1]})))]
    k["pickle"][0].dump([["a"], {"b": 1}]); k["pickle"][1].load()
    root = ET.fromstring("<a x='1'><b>text</b><c/><d><e/></d></a>")
    k["xml"] = [root, ET.ElementTree(root), ET.XMLPullParser(), root.iter()]
    k["iter"] = [itertools.count(), itertools.cycle([1]), itertools.chain([1], [2]), itertools.tee([1, 2]), itertools.groupby("aab"),
                 itertools.product("ab", "cd"), itertools.islice([1, 2], 1), itertools.zip_longest("a", "b"), zip([1], [2]), map(str, [1]),
                 filter(None, [1]), enumerate("ab"), reversed([1, 2]), iter({1: 2}), iter("ab"), iter(range(3)), itertools.accumulate([1]),
                 itertools.permutations("abc"), itertools.combinations("abc", 2), itertools.starmap(pow, [(1, 2)]), itertools.repeat([])]
    k["ct"] = [S(1, None, b"bytes"), ctypes.c_int(3), (S * 3)(), ctypes.pointer(S()), ctypes.py_object([1]), ctypes.create_string_buffer(500),
               ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x), ctypes.CDLL(None)]
    k["csv"] = [csv.reader(["a,b"]), csv.writer(io.StringIO()), csv.DictReader(["a,b", "1,2"])]
    k["types"] = [types.SimpleNamespace(a=[1]), types.MappingProxyType({"a": 1}), types.MethodType(print, 1), property(print), classmethod(print),
                  staticmethod(print), slice(1, [2], 3), range(10 ** 20), super(Sub, s), NotImplemented, ...]
    k["typing"] = [typing.List[int], typing.TypeVar("T"), typing.Union[int, str]]
    k["misc"] = [uuid.uuid4(), random.Random(1), operator.itemgetter("a", 1), operator.attrgetter("a.b"), operator.methodcaller("f", 1, b=2),
                 queue.SimpleQueue(), queue.Queue(), threading.Lock(), threading.RLock(), threading.local(), socket.socket(), logging.getLogger("x.y"),
                 codecs.getincrementaldecoder("utf-8")(), json.JSONDecoder(), json.JSONEncoder(), ast.parse("x = [1, 2]\ndef f(a): return a"), unicodedata.ucd_3_2_0]
    k["misc"][5].put(["queued"]); k["misc"][9].x = ["thread local"]
    k["code"] = [compile("def f(a, *b, c=1): return lambda: a", "x", "exec"), use.__code__]
    try:
        raise KeyError("x")
    except KeyError as e:
        k["exc"] = [e, ExceptionGroup("g", [e])] if sys.version_info >= (3, 11) else [e]


def more():
    import numpy
    from lxml import etree, objectify
    k = keep
    base = numpy.arange(10000, dtype="f8")
    record = numpy.zeros(50, dtype=[("name", "S10"), ("x", "i4"), ("sub", "f4", (2, 2))])
    k["arrays"] = [base, record, numpy.array([["object"], {"a": 1}, None, object()], dtype=object), base[::3], base.reshape(100, 100).T,
                   record["x"], base.view("u1"), numpy.ma.masked_array(base[:5], [0, 1, 0, 1, 0]), numpy.matrix([[1, 2], [3, 4]]),
                   numpy.array(3), numpy.frombuffer(b"x" * 100, dtype="u1"), numpy.lib.stride_tricks.sliding_window_view(base, 5)]
    k["scalars"] = [numpy.float64(2.5), numpy.int8(1), numpy.datetime64("2020-01-01"), numpy.str_("text"), numpy.dtype("f4,i8")]
    rng = numpy.random.default_rng(1)
    k["numpy"] = [rng, rng.random(100), numpy.random.RandomState(3), iter(base), numpy.nditer(base), base.flat, numpy.add,
                  numpy.vectorize(abs), numpy.poly1d([1, 2])]
    root = etree.fromstring("<a x='1'><b>text</b><c/>%s</a>" % "".join("<d n='%d'/>" % i for i in range(200)))
    k["lxml"] = [root, root[1], etree.ElementTree(root), etree.XPath("//d"), root.xpath("//d[@n='5']"), etree.XMLParser(), root.attrib,
                 objectify.fromstring("<o><p>5</p></o>"), root.iter(), etree.XSLT(etree.XML(
                     '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
                     '<xsl:template match="/"><r/></xsl:template></xsl:stylesheet>'))]


use()
if "more" in sys.argv:
    more()
sys.dont_write_bytecode = True  # no cache beside the tests
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import told
told.dump()
