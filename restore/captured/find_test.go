package captured

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// whats sorts what was found by path: what it is, and how.
func whats(found map[string]Value) map[string]string {
	out := map[string]string{}
	for path, v := range found {
		s := v.What + " " + v.Type
		if v.Below {
			s += " below"
		}
		if v.Literal {
			s += " literal"
		}
		out[path] = s
	}
	return out
}

// TestFind looks for values that a module holds in many ways, and for those that only look like
// one.
func TestFind(t *testing.T) {
	p := run(t, `
token = os.environ["TOKEN"]
raw = os.environb[b"TOKEN"]
pair = (os.environ["TOKEN"], 1)
nested = {"a": [{"b": os.environ["EDITOR"]}]}
by_token = {os.environ["TOKEN"]: 1}
class Settings: editor = os.environ["EDITOR"]
def fn(x=os.environ["EDITOR"]): pass
args = sys.argv[1]
everything = list(sys.argv)
as_tuple = tuple(sys.argv)
here = os.getcwd()
log = os.path.join(os.getcwd(), "some.log")
cached = os.path.join(os.environ["HOME"], "cache")
home = os.environ["HOME"]
pid = os.getpid()
few = [os.getpid(), 5]
many = [os.getpid()] + list(range(100))
many_pids = {"pid": os.getpid(), **{str(i): i for i in range(1000, 1100)}}

code = os.path.join(os.path.dirname(os.path.abspath(__file__)), "app.dat")
module = os.path.join(os.getcwd(), "x.py")
def constant(): return "https://mirror.example/simple"
word = os.environ["WORD"]
plain = "".join(["some", "-", "word"])
mirror = os.environ["MIRROR"][:-1]
short = os.environ["SHORT"]
null = os.environ["NULL"]
shell = os.environ["_"]
longer = "x" + os.environ["TOKEN"]
`, []string{"TOKEN=s3cr3t token", "EDITOR=/usr/bin/ed -s", "HOME=/home/of/nobody",
		"WORD=some-word", "SHORT=abc", "NULL=/dev/null",
		"MIRROR=https://mirror.example/simple", "_=/usr/bin/not-told"}, "first argument",
		"second argument")
	const str = " builtins.str"
	want := map[string]string{
		".token": "TOKEN" + str, ".raw": "TOKEN builtins.bytes", ".pair[0]": "TOKEN" + str,
		".nested['a'][0]['b']": "EDITOR" + str, ".Settings.editor": "EDITOR" + str,
		".fn.__defaults__[0]": "EDITOR" + str,
		".args":               "argv[1]" + str, ".everything": "argv builtins.list",
		".as_tuple": "argv builtins.tuple",
		".here":     "cwd" + str, ".log": "cwd" + str + " below", ".cached": "HOME" + str + " below",
		".home": "HOME" + str,
		".pid":  "pid builtins.int", ".few[0]": "pid builtins.int",
		".many_pids['pid']": "pid builtins.int",
		".word":             "WORD" + str, ".plain": "WORD" + str,
	}
	got := whats(p.find(t))
	for path, what := range got { // a key is told by what its dict has, under the name of the variable
		if strings.HasPrefix(path, " ") || strings.Contains(path, "by_token") {
			if !strings.HasPrefix(what, "TOKEN") || strings.Contains(path, "s3cr3t") {
				t.Errorf("a key is told as %s: %s", path, what)
			}
			delete(got, path)
			want["by_token"] = ""
		}
	}
	if _, ok := want["by_token"]; !ok {
		t.Error("the key of a dict is not found")
	}
	delete(want, "by_token")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFindLeavesOut shows that what a recipe repairs is not told, nor what lies below it.
func TestFindLeavesOut(t *testing.T) {
	p := run(t, `
a = [os.environ["TOKEN"]]
ab = os.environ["TOKEN"]
b = {"x": os.environ["TOKEN"], "y": os.environ["TOKEN"]}
`, []string{"TOKEN=s3cr3t token"})
	for _, c := range []struct {
		fix  string
		want map[string]string
	}{
		{"none.at.all", map[string]string{".a[0]": "", ".ab": "", ".b['x']": "", ".b['y']": ""}},
		{"app.a", map[string]string{".ab": "", ".b['x']": "", ".b['y']": ""}},
		{"app.a*", map[string]string{".b['x']": "", ".b['y']": ""}},
		{"app.b['x']", map[string]string{".a[0]": "", ".ab": "", ".b['y']": ""}},
		{"*.b", map[string]string{".a[0]": "", ".ab": ""}},
		{"app", map[string]string{}},
	} {
		got := map[string]string{}
		for path := range p.find(t, c.fix) {
			got[path] = ""
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("with the fix %s: %s", c.fix, diff)
		}
	}
}

// TestFindsLiterals marks values that the source of the module has as a word of its own, unless the
// place is named as the variable.
func TestFindsLiterals(t *testing.T) {
	p := run(t, `
known = ("less", "more")
x = os.environ["PAGER_X"]
pager_x = os.environ["PAGER_X"]
tool = os.environ["TOOL"]
`, []string{"PAGER_X=less", "TOOL=tool-of-ours"})
	got := p.find(t)
	if !got[".x"].Literal || got[".pager_x"].Literal || got[".tool"].Literal ||
		got[".tool"].What != "TOOL" {
		t.Errorf("found %+v", got)
	}
}

// TestFactsOfProcess compares what was found out about a process with what this one, its parent,
// knows.
func TestFactsOfProcess(t *testing.T) {
	p := run(t, `os.environ["LATER"] = "set by the program"`, []string{
		"TWIN_A=the same value", "TWIN_B=the same value", "TINY=abc", "SHLVL=12345",
		"HOME=/home/of/nobody/",
		"TMPDIR=/home/of/nobody/tmp", "BAD=\xff\xfe bytes",
	}, "argument")
	f := p.facts()
	for value, want := range map[string]string{
		"the same value": "TWIN_A, TWIN_B", "argument": "argv[1]", "set by the program": "LATER",
		p.cwd:             "cwd",
		p.cmdline.What[0]: "argv[0]", "abc": "", "12345": "", "\ufffd\ufffd bytes": "BAD",
	} {
		if got := f.texts[value]; got != want {
			t.Errorf("%q is %q, want %q", value, got, want)
		}
	}
	if host, err := os.Hostname(); err == nil && len(host) >= minFact &&
		!strings.Contains(f.texts[host], "hostname") {
		t.Errorf("the host %s is %q", host, f.texts[host])
	}
	want := map[int64]string{int64(p.pid): "pid", int64(os.Getpid()): "parent's pid"}
	for number, what := range want {
		if number >= minPID && f.ints[number] != what {
			t.Errorf("%d is %q, want %s", number, f.ints[number], what)
		}
	}
	for number := range f.ints {
		if number < minPID {
			t.Errorf("%d is looked for, which is everywhere", number)
		}
	}
	// The deepest directory first: what is below TMPDIR is told of that.
	byLength := func(a, b dirFact) int { return len(b.path) - len(a.path) }
	if len(f.dirs) != 3 || !slices.IsSortedFunc(f.dirs, byLength) {
		t.Errorf("directories are %+v", f.dirs)
	}
	for path, code := range map[string]bool{
		"/x/y.py": true, "/x/y.so": true, "/x/y.txt": false, f.code[0]: true, f.code[0] + "/x": true,
		f.code[0] + "x": false,
	} {
		if f.isCode(path) != code {
			t.Errorf("%s is code: %t", path, !code)
		}
	}
	for name, id := range map[string]int{"Uid": os.Getuid(), "Gid": os.Getgid(), "PPid": os.Getpid()} {
		if v, err := statusNumber(p.pid, name); err != nil || v != int64(id) {
			t.Errorf("%s is %d (%v), want %s", name, v, err, strconv.Itoa(id))
		}
	}
	if v, err := statusNumber(p.pid, "None"); err == nil {
		t.Errorf("a number of no line: %d", v)
	}
}
