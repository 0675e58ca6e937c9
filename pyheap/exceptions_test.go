package pyheap

import (
	"errors"
	"slices"
	"testing"
)

// exceptionsScript raises exceptions in all the ways there are, and tells of each what the
// traceback module would show; then it waits inside of handlers that lie inside of each other.
const exceptionsScript = `
import traceback
kept = []
def keep(f):
    keep.last = f
    try:
        f()
    except BaseException as e:
        kept.append(e)
        e.__traceback__ = e.__traceback__.tb_next  # without this function
    return f

class Odd(Exception):
    __slots__ = ("own",)
    def __init__(self, *args):
        self.own = args
class Deep(OSError):
    __slots__ = ("own", "__weakref__")
    def __init__(self, *args):
        self.own = self

@keep
def plain(): raise ValueError("plain", 1)
@keep
def no_args(): raise KeyError
@keep
def chained():
    try:
        {}["missing"]
    except KeyError as e:
        raise RuntimeError("from", e.args) from e
@keep
def during():
    try:
        1 / 0
    except ZeroDivisionError:
        [][3]
@keep
def hidden():
    try:
        int("no number")
    except ValueError:
        raise Odd("hidden") from None
@keep
def recursive(n=200):
    if n: keep.last(n - 1)
    raise RecursionError(
        "at the end"
    )
@keep
def in_generator():
    def g():
        yield 1
        raise StopAsyncIteration("g")
    for x in g():
        pass
@keep
def in_lambda(): (lambda x: [y.z for y in (x,)])(3)
@keep
def system(): open("/nowhere/é")
@keep
def syntax(): compile("a b c", "file", "exec")
@keep
def deep(): raise Deep("own", 3)
@keep
def again():
    try:
        plain()
    except ValueError as e:
        raise e.with_traceback(None)
@keep
def re_raised():
    try:
        during()
    except IndexError:
        raise
    finally:
        x = 1
@keep
def in_class():
    class C:
        x = 1
        y = undefined
@keep
def exits(): sys.exit(3)
@keep
def loop():
    a, b = ValueError("a"), ValueError("b")
    a.__context__, b.__context__ = b, a
    raise a from b
kept.append(LookupError("never raised"))
if NEW >= (3, 11):
    exec('''
@keep
def noted():
    e = ValueError("noted")
    e.add_note("one")
    e.add_note("twö\\nlines")
    e.add_note("")
    raise e
@keep
def group():
    raise ExceptionGroup("many", [ValueError(1), ExceptionGroup("inner", [TypeError("t"), OSError(2, "o")])])
@keep
def starred():
    try:
        group()
    except* ValueError as e:
        raise KeyError("in star")
''')

def look(e):
    frames = [(f.f_code.co_name, f.f_code.co_filename, line, id(f.f_code)) for f, line in traceback.walk_tb(e.__traceback__)]
    return {"id": id(e), "type": name_of(type(e)), "notes": getattr(e, "__notes__", []), "frames": frames,
        "cause": id(e.__cause__) if e.__cause__ else 0, "context": id(e.__context__) if e.__context__ else 0,
        "suppress": e.__suppress_context__, "inner": [id(x) for x in getattr(e, "exceptions", ())]}

def everything(e, seen):
    if e is not None and id(e) not in seen:
        seen[id(e)] = e
        for x in (e.__cause__, e.__context__) + tuple(getattr(e, "exceptions", ())):
            everything(x, seen)
    return seen
def ask():
    seen = {}
    for e in kept:
        everything(e, seen)
    objects = [o for o in gc.get_objects() if isinstance(o, BaseException)]
    others = [id(kept), id(ValueError), id(None), id(ask)]
    return {"all": [look(e) for e in seen.values()], "others": others, "objects": [id(o) for o in objects],
        "handled": [id(e) for e in handled]}

handled = []
def waits():
    try:
        raise KeyError("inner of generator")
    except KeyError as e:
        handled.insert(0, e)
        yield from innermost()
def innermost():
    try:
        raise TypeError("innermost")
    except TypeError as e:
        handled.insert(0, e)
        tell(ask)
        yield
def suspended():
    try:
        raise OSError("not on the stack")
    except OSError:
        yield
other = suspended()
next(other)
try:
    raise ValueError("outer")
except ValueError as e:
    handled.insert(0, e)
    try:
        next(waits())
    finally:
        pass
`

// toldException is what Python says of one.
type toldException struct {
	ID             uint64
	Type           string
	Notes          []string
	Frames         [][4]any // name, file, line, code
	Cause, Context uint64
	Suppress       bool
	Inner          []uint64
}

// TestExceptions compares exceptions with what Python's traceback shows, and those being handled.
func TestExceptions(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		var want struct {
			All                      []toldException
			Others, Objects, Handled []uint64
		}
		tg := toldBy(t, python, exceptionsScript, &want)
		h := tg.heap
		if len(want.All) < 20 || len(want.Handled) != 3 {
			t.Fatalf("%d exceptions, %d handled", len(want.All), len(want.Handled))
		}
		for _, e := range want.All {
			compareException(t, h, &e)
		}
		for _, a := range want.Objects {
			if !h.IsException(Addr(a)) {
				t.Errorf("%s is said to be no exception", h.Repr(Addr(a), 60))
			}
		}
		for _, a := range want.Others {
			_, err := h.ReadException(Addr(a))
			if oe := (*ObjectError)(nil); h.IsException(Addr(a)) || !errors.As(err, &oe) || oe.Addr != Addr(a) {
				t.Errorf("%s is read as an exception: %v", h.Repr(Addr(a), 60), err)
			}
		}
		threads, err := h.Threads()
		if err != nil || len(threads) != 1 {
			t.Fatal(threads, err)
		}
		var handled []uint64
		for _, a := range h.Handled(threads[0].Addr) {
			handled = append(handled, uint64(a))
		}
		if !slices.Equal(handled, want.Handled) {
			t.Errorf("handled are %#x, want %#x", handled, want.Handled)
		}
	})
}

func compareException(t *testing.T, h *Heap, want *toldException) {
	t.Helper()
	e, err := h.ReadException(Addr(want.ID))
	if err != nil {
		t.Errorf("%s: %v", want.Type, err)
		return
	}
	if e.TypeName != want.Type || uint64(e.Cause) != want.Cause || uint64(e.Context) != want.Context || e.Suppress != want.Suppress || e.Truncated {
		t.Errorf("%+v, Python says %+v", e, want)
	}
	if len(e.Notes)+len(want.Notes) > 0 && !slices.Equal(e.Notes, want.Notes) {
		t.Errorf("%s has notes %q, Python says %q", want.Type, e.Notes, want.Notes)
	}
	if len(e.Frames) != len(want.Frames) {
		t.Errorf("%s has %d frames, Python says %d", want.Type, len(e.Frames), len(want.Frames))
		return
	}
	for i, w := range want.Frames {
		f := &e.Frames[i]
		if f.Name != w[0] || f.File != w[1] || f.Line != int(w[2].(float64)) || f.Code != Addr(w[3].(float64)) {
			t.Errorf("%s, frame %d: %s in %s:%d, Python says %v", want.Type, i, f.Name, f.File, f.Line, w)
		}
	}
	for i, id := range want.Inner {
		exceptions, err := h.Attr(e.Addr, "exceptions")
		if err != nil {
			exceptions, err = h.Attr(e.Addr, "excs")
		}
		items, n, err2 := h.Items(exceptions, -1)
		if err != nil || err2 != nil || n != len(want.Inner) || items[i].Value != Addr(id) {
			t.Errorf("%s: %d are in the group, Python says %d; %v, %v", want.Type, n, len(want.Inner), err, err2)
		}
	}
}

// A traceback that is longer than what is read says so.
func TestLongTraceback(t *testing.T) {
	var id uint64
	tg := toldBy(t, python311, `
sys.setrecursionlimit(20000)
def down(n):
    if n: down(n - 1)
    raise ValueError
try:
    down(5000)
except ValueError as e:
    kept = e
tell(lambda: id(kept))
`, &id)
	e, err := tg.heap.ReadException(Addr(id))
	if err != nil || !e.Truncated || len(e.Frames) != maxTraceback || e.Frames[len(e.Frames)-1].Name != "down" {
		t.Errorf("%d frames, cut %t, %v", len(e.Frames), e.Truncated, err)
	}
}
