package behind

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pyfreeze/restore/internal/target"
)

// state is a module with one of each kind of thing that can change.
const state = `
import functools, collections
number, text, nothing, gone, same = 1, 'a', None, 5, []
words, table, tags, queue = ['one'], {'k': 1}, {'t'}, collections.deque([1])
class Settings:
    debug, seen = False, []
    def __init__(self):
        self.level, self.items = 1, []
class Slotted:
    __slots__ = 'x'
class Words(list):
    pass
settings, slotted, own = Settings(), Slotted(), Words()
slotted.x = 1
own.name = 'n'
@functools.lru_cache(maxsize=None)
def kept(x): return x
def default(x, into=[], *, more={}): into.append(x); more[x] = 1
def counter():
    n = 0
    def inc():
        nonlocal n
        n += 1
    return inc
inc = counter()
def attributed(): pass
big = {i: i for i in range(100)}
long = ['x' * 200, 1]
unchanged = {'a': [1, 2, {'b': Settings()}]}
alias = words
`

// changes are lines that change it, and what is told of each.
var changes = [][2]string{
	{"number = 2", ".number: 1 -> 2"},
	{"text = 'b'", ".text: 'a' -> 'b'"},
	{"nothing = [0]", ".nothing: None -> [0]"},
	{"words.append('two')", ".words[1]:  -> 'two'"},
	{"table['k'] = 2", ".table['k']: 1 -> 2"},
	{"table[3] = 'new'", ".table[3]:  -> 'new'"},
	{"tags.add('u')", ".tags: {'t'} -> "},
	{"queue.appendleft(0)", ".queue: [1] -> "},
	{"Settings.debug = True", ".Settings.debug: False -> True"},
	{"Settings.seen.append(1)", ".Settings.seen[0]:  -> 1"},
	{"settings.level = 2", ".settings.level: 1 -> 2"},
	{"settings.items.extend('ab')", ".settings.items[0]:  -> 'a'\n.settings.items[1]:  -> 'b'"},
	{"settings.fresh = None", ".settings.fresh:  -> None"},
	{"slotted.x = 2", ".slotted.x: 1 -> 2"},
	{"own.append(1)", ".own[0]:  -> 1"},
	{"kept(1)", ".kept.cache_info().currsize: 0 -> 1"},
	{"default(7)", ".default.__defaults__[0][0]:  -> 7\n.default.__kwdefaults__['more'][7]:  -> 1"},
	{"inc()", ".inc.__closure__[0].cell_contents: 0 -> 1"},
	{"attributed.cache = {}", ".attributed.cache:  -> {}"},
	{"added = 1.5", ".added:  -> 1.5"},
	{"big.update(dict.fromkeys(range(100, 200)))", ".big: {0: 0, 1: 1, "},
	{"long[0] += 'y'", ".long: ['xxx"},
	{"same = []", ""}, // another object of the same value
	{"__doc__ = 'other'", ""},
}

// TestTracker has a run change one of each kind of thing, and others that it leaves.
func TestTracker(t *testing.T) {
	for _, exe := range target.Interpreters(t) {
		t.Run(strings.ReplaceAll(exe, "/", "-"), func(t *testing.T) {
			p := start(t, exe, map[string]string{"state": state})
			var tr Tracker
			check(t, tr.Starts(p.heap()))
			check(t, tr.Imports(p.heap()))
			p.runs("import state as m")
			check(t, tr.Imported(p.heap()))
			var want strings.Builder
			for _, c := range changes {
				p.runs("m." + c[0])
				if c[1] != "" {
					want.WriteString(c[1] + "\n")
				}
			}
			p.runs("del m.gone")
			want.WriteString(".gone: 5 -> \n")
			r, err := tr.Report(p.heap())
			check(t, err)
			got := lines(r, "state")
			for line := range strings.Lines(want.String()) {
				if !strings.Contains(got, strings.TrimSuffix(line, "\n")) {
					t.Errorf("no %s", line)
				}
			}
			if n, m := strings.Count(got, "\n"), strings.Count(want.String(), "\n"); n != m {
				t.Errorf("%d entries, want %d:\n%s", n, m, got)
			}
			for i, e := range r.Entries {
				if e.Own != strings.HasPrefix(e.Path, "sys.modules['state']") ||
					i > 0 && e.Own && !r.Entries[i-1].Own {
					t.Errorf("whose %s is", e.Path)
				}
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTrackerImports tells what imports change from what the run does between them.
func TestTrackerImports(t *testing.T) {
	p := start(t, target.Debian, map[string]string{
		"a": "registry, said = [], []\n", "b": "import a\na.registry.append('b')\nx = 1\n",
		"c": "import a, b\na.registry.append('c')\nb.x = 2\na.said.append('c')\n",
	})
	var tr Tracker
	check(t, tr.Starts(p.heap()))
	imports := func(name string) {
		check(t, tr.Imports(p.heap()))
		p.runs("import " + name)
		check(t, tr.Imported(p.heap()))
	}
	imports("a")
	p.runs("a.said.append('hello')")
	imports("b")
	p.runs("b.y = a.registry")
	imports("c")
	r, err := tr.Report(p.heap())
	check(t, err)
	want := ".said[0]:  -> 'hello'\n.said[1]:  -> 'c'\n" // what the run has changed stays its own
	if diff := cmp.Diff(want, lines(r, "a")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(".x: 1 -> 2\n.y:  -> ['b', 'c']\n", lines(r, "b")); diff != "" {
		t.Error(diff)
	}
	if tr.Late(); r.Uncertain {
		t.Error("it was sure")
	}
	if r, err = tr.Report(p.heap()); err != nil || !r.Uncertain {
		t.Errorf("late imports: %v, %v", r.Uncertain, err)
	}
}

// TestTrackerGone has what was in a place be gone when it is told, with another object at its
// address.
func TestTrackerGone(t *testing.T) {
	p := start(t, target.Debian, map[string]string{"a": "kept = ['was', 'here']\n", "b": ""})
	var tr Tracker
	check(t, tr.Starts(p.heap()))
	p.runs("import a")
	check(t, tr.Imported(p.heap()))
	p.runs("a.kept = None; filler = [[i, i] for i in range(1000)]")
	check(t, tr.Imports(p.heap()))
	p.runs("import b")
	check(t, tr.Imported(p.heap()))
	r, err := tr.Report(p.heap())
	check(t, err)
	if diff := cmp.Diff(".kept: ['was', 'here'] -> None\n", lines(r, "a")); diff != "" {
		t.Error(diff)
	}
}

// TestReportBounds has more changes than a report holds.
func TestReportBounds(t *testing.T) {
	p := start(t, target.Debian, map[string]string{"a": "boxes = [{} for i in range(1500)]\n"})
	var tr Tracker
	check(t, tr.Starts(p.heap()))
	p.runs("import a")
	check(t, tr.Imported(p.heap()))
	p.runs("for i, b in enumerate(a.boxes): b['i'] = i")
	r, err := tr.Report(p.heap())
	check(t, err)
	if len(r.Entries) != maxEntries || r.Left < 500 {
		t.Errorf("%d entries, %d left out", len(r.Entries), r.Left)
	}
	r.Without(func(path, _ string) bool { return strings.Contains(path, "boxes[1") })
	for _, e := range r.Entries {
		if strings.Contains(e.Path, "boxes[1") {
			t.Fatal(e.Path)
		}
	}
	v := r.WithoutValues()
	if len(v.Entries) != len(r.Entries) || v.Entries[0].Is != "" || r.Entries[0].Is == "" {
		t.Error("values that may be secret")
	}
	if (*Report)(nil).WithoutValues() != nil {
		t.Error("a report that there is not")
	}
}

// TestFromCode compares a process with what the code of its modules says.
func TestFromCode(t *testing.T) {
	p := start(t, target.Debian, map[string]string{"state": state, "pack.__init__": "", "pack.sub": "x = 1\n"})
	p.runs("import state as m, pack.sub")
	code := map[string]Code{
		"state": {Values: map[string]string{"number": "1", "text": "'a'", "words": "['one']",
			"Settings.debug": "False", "Settings().level": "1", "Settings().items": "[]"},
			Names: strings.Fields("functools collections number text nothing gone same words table tags " +
				"queue Settings Slotted Words settings slotted own kept default counter inc attributed big " +
				"long unchanged alias")},
		"pack": {Names: []string{}}, "pack.sub": {Values: map[string]string{"x": "1"}, Names: []string{"x"}},
	}
	for i, want := range []string{"", ".number: 1 -> 2\n.words: ['one'] -> ['one', 'two']\n.added:  -> 1.5\n" +
		".Settings.debug: False -> True\n.settings.level: 1 -> 2\n.settings.items: [] -> ['a', 'b']\n" +
		".kept.cache_info().currsize: 0 -> 1\n"} {
		r, err := FromCode(p.heap(), code)
		check(t, err)
		if diff := cmp.Diff(want, lines(r, "state")); diff != "" {
			t.Errorf("%d: %s", i, diff)
		}
		if got := lines(r, "pack") + lines(r, "pack.sub"); got != "" {
			t.Errorf("%d: %s", i, got)
		}
		for _, c := range changes {
			p.runs("m." + c[0])
		}
		delete(code["state"].Values, "text") // another one is told of nothing else
	}
	mods, err := OwnModules(p.heap())
	check(t, err)
	names := ""
	for _, m := range mods {
		names += " " + m.Name
	}
	if !strings.HasSuffix(names, " state pack pack.sub") || strings.Contains(names, "os") ||
		strings.Contains(names, "__main__") {
		t.Errorf("own modules:%s", names)
	}
}

// TestCut shortens what is told, by characters.
func TestCut(t *testing.T) {
	for in, want := range map[string]string{
		"short": "short", strings.Repeat("ä", 80): strings.Repeat("ä", 80),
		strings.Repeat("ä", 81): strings.Repeat("ä", 77) + "...",
	} {
		if got := cut(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	if got := shown(fmt.Sprintf("['x...#%x', 1...#ab]", 7)); got != "['x...', 1...]" {
		t.Error(got)
	}
}
