package pyheap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tasksScript has tasks of all kinds that wait for all there is, and generators and coroutines in
// every state; from within the loop it tells what asyncio and inspect say of them.
const tasksScript = `
import asyncio, inspect
if sys.argv[1] == "python":  # the tasks and futures of Python code
    asyncio.Task = asyncio.tasks.Task = asyncio.tasks._PyTask
    asyncio.Future = asyncio.futures.Future = asyncio.futures._PyFuture
    asyncio.tasks._CTask = None
class Own(asyncio.Task):
    pass
class Awaitable:
    def __init__(self, inner): self.inner = inner
    def __await__(self): return (yield from self.inner.__await__())
class Bare:
    def __await__(self):
        yield
async def sleeps(n): await asyncio.sleep(n)
async def nests(n):
    if n: await nests(n - 1)
    else: await sleeps(1000)
async def numbers(fut):
    for i in range(3):
        yield i
        await fut
async def iterates(fut):
    async for x in numbers(fut): pass
async def locked(lock):
    async with lock: pass
@types.coroutine
def old_style(fut):
    yield from fut
async def uses_old(fut): await old_style(fut)
async def through(fut): await Awaitable(fut)
async def tries(fut):
    try:
        raise KeyError
    except KeyError:
        with open(os.devnull):
            await asyncio.shield(fut)
async def returns(): return 1
async def fails(): raise ValueError("failed")
async def bare(): await Bare()
async def comprehends(fut): return [x async for x in numbers(fut) if x or await fut]

kept = []
def gen():
    yield 1
    yield from inner()
def inner():
    x = yield 2
async def async_gen():
    yield 1
    await asyncio.sleep(1)
def generators():
    for n in range(5):
        g = gen()
        for _ in range(n): next(g, None)
        kept.append(g)
    class Seq:
        def __getitem__(self, i): return i
    def from_list(x): yield from x
    for x in [1, 2], (3, 4), {5: 6}, "ab", Seq(), iter([7]):
        kept.append(from_list(x))
        next(kept[-1])
    c = nests(3)
    kept.append(c)
    c = bare()
    c.send(None)
    kept.append(c)
    kept.append(async_gen())
    kept.append((x for x in "abc"))
    kept.append(async_gen())
    try: kept[-1].__anext__().send(None)
    except StopIteration: pass

STANDS = ("FutureIter", "coroutine_wrapper", "async_generator_asend", "anext_awaitable")
def after(o):
    if inspect.iscoroutine(o): return o.cr_await
    if inspect.isgenerator(o): return o.gi_yieldfrom
    if inspect.isasyncgen(o): return o.ag_await
def chain(o):
    out = []
    while o is not None:
        if type(o) in (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType):
            out.append(id(o))
            o = after(o)
        elif type(o).__name__ in STANDS:
            o = [x for x in gc.get_referents(o) if inspect.iscoroutine(x) or inspect.isasyncgen(x) or asyncio.isfuture(x)][0]
        else:
            return out, id(o)
    return out, 0
def state(g):
    for test, of in ((inspect.iscoroutine, inspect.getcoroutinestate), (inspect.isgenerator, inspect.getgeneratorstate)):
        if test(g): return of(g).split("_")[1].lower().replace("closed", "finished")
    return "finished" if g.ag_frame is None else "running" if g.ag_running else "created" if g.ag_frame.f_lasti < 0 or (
        NEW >= (3, 11) and g.ag_frame.f_lineno == g.ag_code.co_firstlineno) else "suspended"
def line(g):
    f = getattr(g, "gi_frame", None) or getattr(g, "cr_frame", None) or getattr(g, "ag_frame", None)
    return f.f_lineno if f else 0
def ask():
    tasks = []
    for t in everyone:
        coro = t.get_coro()
        s = "cancelled" if t.cancelled() else "finished" if t.done() else "pending"
        links, end = chain(coro) if s == "pending" else ([], 0)
        fut = getattr(t, "_fut_waiter", None)
        tasks.append({"id": id(t), "type": name_of(type(t)), "name": t.get_name(), "state": s, "coro": id(coro), "chain": links,
            "waits": end or (id(fut) if fut is not None else 0), "loop": id(loop), "running": t is me})
    many = kept + [t.get_coro() for t in everyone if t is not me]
    return {"tasks": tasks, "listed": sorted(id(t) for t in asyncio.all_tasks(loop)), "children": [id(x) for x in gathered._children],
        "gathered": id(gathered), "generators": [[id(g), state(g), line(g), *chain(g)] for g in many]}

async def main():
    global everyone, loop, me, gathered
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    fut, lock, event = loop.create_future(), asyncio.Lock(), asyncio.Event()
    await lock.acquire()
    make = lambda c, name=None: (asyncio.Task(c, name=name) if sys.argv[1] == "python" else asyncio.create_task(c, name=name))
    everyone = [me, make(nests(5), "nested"), make(iterates(fut)), make(locked(lock), "wants é"), make(uses_old(fut)),
        make(through(fut)), make(tries(fut)), make(event.wait()), make(returns()), make(fails()), make(bare(), "bare"),
        make(comprehends(fut)), make(sleeps(5), "cancelled"), Own(sleeps(1000), name="own")]
    everyone.append(make(asyncio.wait_for(everyone[1], 1000)))
    gathered = asyncio.gather(*everyone[1:4])
    async def waits_all(): await gathered
    everyone.append(make(waits_all(), "all"))
    for _ in range(3): await asyncio.sleep(0)
    everyone[12].cancel()
    for _ in range(4): await asyncio.sleep(0)
    everyone.append(make(sleeps(1), "not begun"))
    generators()
    everyone[9].exception()
    tell(ask)
asyncio.run(main())
`

// toldTask is what asyncio says of one.
type toldTask struct {
	ID, Coro, Waits, Loop uint64
	Type, Name, State     string
	Chain                 []uint64
	Running               bool
}

// toldTasks is what Python says of its tasks.
type toldTasks struct {
	Tasks            []toldTask
	Listed, Children []uint64
	Gathered         uint64
	Generators       [][5]any // id, state, line, chain, end
}

// TestTasks compares tasks with what asyncio says of them: those of C and those of Python code.
func TestTasks(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		for _, kind := range []string{"c", "python"} {
			var want toldTasks
			tg := toldBy(t, python, tasksScript, &want, kind)
			own := func(k toldTask) bool { return strings.HasPrefix(k.Type, "asyncio.tasks.") }
			if slices.ContainsFunc(want.Tasks, own) != (kind == "python") {
				t.Fatalf("tasks of %s are asked for: %+v", kind, want.Tasks)
			}
			checkTasks(t, tg, &want)
			checkGenerators(t, tg, &want)
		}
	})
}

func checkTasks(t *testing.T, tg *target, want *toldTasks) {
	t.Helper()
	h := tg.heap
	listed, ok := h.Tasks()
	if ok == h.atLeast(14) {
		t.Fatalf("that asyncio says what tasks it has is %t", ok)
	}
	var addrs []uint64
	for _, k := range listed {
		if k.State == "pending" {
			addrs = append(addrs, uint64(k.Addr))
		}
	}
	if ok && !slices.Equal(addrs, want.Listed) {
		t.Errorf("pending tasks are %#x, asyncio says %#x", addrs, want.Listed)
	}
	all := map[Addr]Task{}
	for _, k := range tg.walk(t).Tasks() {
		all[k.Addr] = k
	}
	for _, w := range want.Tasks {
		k, ok := all[Addr(w.ID)]
		if !ok {
			t.Errorf("the walk does not find task %s", w.Name)
			continue
		}
		if k.TypeName != w.Type || k.Name != w.Name || k.State != w.State || k.Loop != Addr(w.Loop) {
			t.Errorf("task is %+v, asyncio says %+v", k, w)
		}
		if w.State != "pending" || w.Running { // a running one waits for nothing
			continue
		}
		if k.Coro != Addr(w.Coro) || k.Waits != Addr(w.Waits) || fmt.Sprint(k.Chain) != fmt.Sprint(addresses(w.Chain)) {
			t.Errorf("task %s of %v waits for %v %s by %v; Python says for %#x %s by %#x", w.Name, k.Coro, k.Waits, h.About(k.Waits),
				k.Chain, w.Waits, h.About(Addr(w.Waits)), w.Chain)
		}
	}
	if got := fmt.Sprint(h.Children(Addr(want.Gathered))); got != fmt.Sprint(addresses(want.Children)) || len(want.Children) != 3 {
		t.Errorf("gathered are %s, Python says %#x", got, want.Children)
	}
	if more := h.Children(Addr(want.Listed[0])); more != nil {
		t.Errorf("a task has children: %v", more)
	}
}

func addresses(list []uint64) []Addr {
	out := make([]Addr, len(list))
	for i, a := range list {
		out[i] = Addr(a)
	}
	return out
}

// checkGenerators compares states, lines and what they wait for.
func checkGenerators(t *testing.T, tg *target, want *toldTasks) {
	t.Helper()
	h := tg.heap
	suspended := tg.walk(t).Generators()
	states := map[string]int{}
	for _, g := range want.Generators {
		a, state, line := Addr(g[0].(float64)), g[1].(string), int(g[2].(float64))
		states[state]++
		f, got, ok := h.FrameOf(a)
		if !ok || got != state || f.Line != line {
			t.Errorf("%s is %s in line %d (%t), Python says %s in %d", h.Repr(a, 60), got, f.Line, ok, state, line)
		}
		if slices.Contains(suspended, a) != (state == "suspended") {
			t.Errorf("%s, %s, is wrong in the list of those suspended", h.Repr(a, 60), state)
		}
		var ids []Addr
		for _, x := range g[3].([]any) {
			ids = append(ids, Addr(x.(float64)))
		}
		end := Addr(g[4].(float64))
		chain, gotEnd := h.AwaitChain(a)
		if !slices.Equal(chain, ids) || gotEnd != end {
			t.Errorf("%s, %s, awaits %v, then %v %s; Python says %v, %v %s", f.Qualname, state, chain, gotEnd, h.About(gotEnd), ids, end, h.About(end))
		}
		if next, ok := h.Awaits(a); ok != (len(ids) > 1 || end != 0) || ok && len(ids) == 1 && end != next && !standsBetween(h, next) {
			t.Errorf("%s awaits %v (%t), Python says %v, %v", f.Qualname, next, ok, ids, end)
		}
	}
	if states["created"] < 3 || states["suspended"] < 15 || states["finished"] < 3 {
		t.Errorf("states told are %v", states)
	}
}

func standsBetween(h *Heap, a Addr) bool {
	t, err := h.typeOf(uint64(a))
	if err != nil {
		return false
	}
	_, ok := h.standsFor(uint64(a), t)
	return ok
}

// A process that has not imported asyncio has no tasks.
func TestNoTasks(t *testing.T) {
	h := start(t, python311, "-S", "-c", "print('READY', flush=True); input()").heap
	if list, ok := h.Tasks(); len(list) != 0 || !ok {
		t.Errorf("tasks %v, %t", list, ok)
	}
	if chain, end := h.AwaitChain(0x1234); chain != nil || end != 0 {
		t.Errorf("nothing awaits %v, %v", chain, end)
	}
}
