package pyheap

import (
	"slices"
	"testing"
)

// tablesScript makes dicts and sets whose tables are of every form: shared keys, keys of str only,
// indices of 1, 2 and 4 bytes, deleted entries, none at all. Of a large one it tells some items.
const tablesScript = `
import collections, enum, random, weakref
rng = random.Random(5)
class Shared:
    def __init__(self, n):
        for i in range(n): setattr(self, "a%d" % i, i * 1000003)
def less(d, every):
    for k in list(d)[::every]: del d[k]
    return d
made = {}
for n in (0, 1, 5, 6, 10, 11, 100, 170, 171, 300, 5000, 50000):
    made["str %d" % n] = {"k%d" % i: i for i in range(n)}
    made["int %d" % n] = {i * 7: i for i in range(n)}
    made["set %d" % n] = {i * i for i in range(n)}
    made["less %d" % n] = less({"k%d" % i: i for i in range(n)}, 2)
    made["first gone %d" % n] = less(dict.fromkeys(range(n)), 1)
    made["set less %d" % n] = {i for i in range(n)} - set(range(0, n, 3))
    made["frozen %d" % n] = frozenset("x%d" % i for i in range(n))
made["mixed"] = {"a": 1, "b": 2, 3: 4}
made["was mixed"] = dict(made["mixed"]); del made["was mixed"][3]
made["popped"] = {"a": 1, "b": 2, "c": 3}; made["popped"].popitem(); made["popped"]["d"] = 4
made["cleared"] = {"a": 1}; made["cleared"].clear()
made["refilled"] = {"a": 1}; made["refilled"].clear(); made["refilled"]["b"] = 2
made["collisions"] = {i << 61: i for i in range(9)}
made["minus"] = {-1: 1, -2: 2, 0: 3, False: 4, 1.5: 5}
made["copy"] = made["less 100"].copy()
made["merged"] = {**made["mixed"], **made["str 10"]}
made["dumb"] = {(): 1, (1, 2): 2, frozenset([3]): 3, None: 4, b"b": 5, "é": 6, "日": 7, "\U0001f40d": 8, "\ud800": 9}
made["moved"] = collections.OrderedDict.fromkeys(range(30)); [made["moved"].move_to_end(i, i % 2) for i in range(0, 30, 3)]
made["moved gone"] = collections.OrderedDict.fromkeys("abcdefgh"); made["moved gone"].move_to_end("c"); del made["moved gone"]["e"]
made["default"] = collections.defaultdict(int, a=1); made["default"]["b"]
made["counter"] = collections.Counter("abracadabra")
made["weak"] = weakref.WeakValueDictionary(z=Shared).data
made["instance"] = Shared(4).__dict__
made["instance many"] = Shared(40).__dict__
made["instance less"] = less(Shared(10).__dict__, 3)
made["class"] = types.MappingProxyType(dict(vars(Shared)))
made["enum"] = enum.Enum("E", "A B C").__members__
made["deque"] = collections.deque(range(1000), 300)
made["deque turned"] = collections.deque(range(200)); made["deque turned"].rotate(77)
made["deque left"] = collections.deque(); [made["deque left"].appendleft(i) for i in range(129)]
made["deque none"] = collections.deque(range(70)); made["deque none"].clear()
made["list"] = list(range(1000)); del made["list"][100:900]
made["list grown"] = []; [made["list grown"].insert(0, i) for i in range(100)]
made["tuple"] = tuple(range(1000, 1300))
churned, order = {}, list(range(3000))
for i in order:
    churned["k%d" % rng.randrange(500)] = i
    churned.pop("k%d" % rng.randrange(500), None)
made["churned"] = churned
objects = [Shared(n) for n in range(35)]
for o in objects[::4]: o.late = None
for o in objects[1::4]: del_ = [delattr(o, n) for n in list(o.__dict__)[:2]]
def items(o):
    if isinstance(o, (dict, types.MappingProxyType)): return [(id(k), id(v)) for k, v in o.items()]
    return [(0, id(v)) for v in o]
def some(list):
    return list if len(list) < 1000 else [x for i, x in enumerate(list) if i < 300 or i % 211 == 0 or i > len(list) - 300]
def ask():
    return {"made": {n: [id(o), len(o), sys.getsizeof(o) if type(o) is not types.MappingProxyType else 0, some(items(o))] for n, o in made.items()},
        "objects": [[id(o), [[n, id(v)] for n, v in vars(o).items()]] for o in objects]}
tell(ask)
`

// TestTables compares items, their order, number and size.
func TestTables(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		var want struct {
			Made    map[string][4]any
			Objects [][2]any
		}
		tg := toldBy(t, python, tablesScript, &want)
		h, w := tg.heap, tg.walk(t)
		for name, x := range want.Made {
			a, length, size := Addr(x[0].(float64)), int(x[1].(float64)), uint64(x[2].(float64))
			items, n, err := h.Items(a, -1)
			if err != nil || n != length || len(items) != length {
				t.Errorf("%s: %d of %d items, Python has %d: %v", name, len(items), n, length, err)
				continue
			}
			told := x[3].([]any)
			for i, j := 0, 0; i < len(told); i, j = i+1, j+1 {
				for length >= 1000 && j >= 300 && j%211 != 0 && j <= length-300 {
					j++
				}
				p := told[i].([]any)
				if items[j].Key != Addr(p[0].(float64)) || items[j].Value != Addr(p[1].(float64)) {
					t.Errorf("%s: item %d is %s: %s", name, j, h.Repr(items[j].Key, 30), h.Repr(items[j].Value, 30))
					break
				}
			}
			for _, limit := range []int{0, 1, length - 1, length, length + 1} {
				if some, n, err := h.Items(a, max(limit, 0)); err != nil || n != length || !slices.Equal(some, items[:min(max(limit, 0), length)]) {
					t.Errorf("%s: %d of %d items with a limit of %d: %v", name, len(some), n, limit, err)
				}
			}
			if o, ok := w.Find(a); !ok || size != 0 && o.Size != size {
				t.Errorf("%s has %d bytes, Python says %d", name, o.Size, size)
			}
		}
		for _, x := range want.Objects {
			compareStored(t, h, Addr(x[0].(float64)), x[1].([]any))
		}
	})
}

// compareStored compares the attributes of an instance, in their order.
func compareStored(t *testing.T, h *Heap, a Addr, want []any) {
	t.Helper()
	got, err := h.Attributes(a, -1)
	if err != nil || len(got) != len(want) {
		t.Errorf("%d attributes, Python says %d: %v", len(got), len(want), err)
		return
	}
	for i, x := range want {
		name, id := x.([]any)[0], Addr(x.([]any)[1].(float64))
		if got[i].Name != name || got[i].Value != id {
			t.Errorf("attribute %d is %s, Python says %s", i, got[i].Name, name)
		}
		if v, err := h.Attr(a, got[i].Name); err != nil || v != id {
			t.Errorf("attribute %s is %v (%v), Python says %v", got[i].Name, v, err, id)
		}
	}
}
