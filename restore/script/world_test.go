package script

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pyfreeze/restore/captured"
)

// Where a thaw could not be what a plain start would be, it says why, and the plain command runs.
// Beside each there is a start that is as near as can be, and does not.
func TestFallsBack(t *testing.T) {
	env := func(th *thaw, vars ...string) { th.env = append(th.env[:2:2], vars...) }
	for name, c := range map[string]struct {
		thaw, near func(th *thaw)
		want       string
	}{
		"the C locale": {
			func(th *thaw) { env(th, "LC_ALL=C") },
			func(th *thaw) { env(th, "LC_ALL=C"); th.options = []string{"-X", "utf8"} },
			"the C locale",
		},
		"no locale": {
			func(th *thaw) { env(th) },
			func(th *thaw) { env(th, "LANG=C.UTF-8") },
			"the C locale",
		},
		"no script": {
			func(th *thaw) { th.argv = []string{"none.py", "x"} },
			func(th *thaw) { th.argv = []string{"s.py", "x"} },
			"not a script: none.py",
		},
		"a directory": {
			func(th *thaw) { th.file("d/__main__.py", ""); th.argv = []string{"d"} },
			func(th *thaw) { th.file("d/__main__.py", ""); th.argv = []string{"d/__main__.py"} },
			"not a script: d",
		},
		"a null byte": {
			func(th *thaw) { th.file("s.py", "1\x00"); th.argv = []string{"s.py"} },
			func(th *thaw) { th.file("s.py", `"\x00"`); th.argv = []string{"s.py"} },
			"a null byte in s.py",
		},
		"another PYTHONIOENCODING": {
			func(th *thaw) { th.resume = true; th.env = append(th.env, "PYTHONIOENCODING=ascii") },
			func(th *thaw) { th.env = append(th.env, "PYTHONIOENCODING=ascii") },
			"another PYTHONIOENCODING",
		},
		"a relative PYTHONPATH": {
			func(th *thaw) { th.env = append(th.env, "PYTHONPATH=a") },
			func(th *thaw) { th.env = append(th.env, "PYTHONPATH="+th.dir) },
			"PYTHONPATH has changed, and is relative",
		},
		"a PYTHONPATH with another module": {
			func(th *thaw) {
				th.file("new/json.py", "")
				th.frozen, th.env = "import json", append(th.env, "PYTHONPATH="+th.dir+"/new")
			},
			func(th *thaw) {
				th.file("new/json5.py", "")
				th.frozen, th.env = "import json", append(th.env, "PYTHONPATH="+th.dir+"/new")
			},
			"PYTHONPATH has changed, and has json",
		},
		"a PYTHONPATH without a module": {
			func(th *thaw) {
				th.file("old/mine.py", "")
				th.old, th.frozen = append(th.old[:4:4], "PYTHONPATH="+th.dir+"/old"), "import mine"
			},
			func(th *thaw) {
				th.file("old/mine.py", "")
				th.old = append(th.old[:4:4], "PYTHONPATH="+th.dir+"/old")
			},
			"PYTHONPATH has changed, and had mine",
		},
		"another PYTHONPATH of one that goes on": {
			func(th *thaw) { th.resume, th.env = true, append(th.env, "PYTHONPATH="+th.dir) },
			func(th *thaw) { th.resume, th.env = true, append(th.env, "PYTHONPATH=") },
			"PYTHONPATH has changed",
		},
		"packages of the user's own, of one that goes on": {
			func(th *thaw) { th.resume = true; th.userSite("mine.py") },
			func(th *thaw) { th.resume = true; th.env = append(th.env, "HOME="+th.dir+"/none") },
			"the user's own packages are others",
		},
		"packages of the user's own, with another module": {
			func(th *thaw) { th.frozen = "import json"; th.userSite("json.py") },
			func(th *thaw) { th.frozen = "import json"; th.userSite("json5.py") },
			"the user's own packages are others: json",
		},
		"a recipe": {
			func(th *thaw) { th.recipe = parseRecipe("x", "def thaw():\n return 'so'") },
			func(th *thaw) { th.recipe = parseRecipe("x", "def thaw():\n return ''") },
			"so",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := newThaw(t, "-c", "pass"), newThaw(t, "-c", "pass")
			two.file("s.py", "pass")
			c.thaw(one)
			c.near(two)
			if got := one.thawed(); got != (result{"plain: " + c.want, "", 99}) {
				t.Errorf("%+v, want %s", got, c.want)
			}
			if got := two.thawed(); got != (result{}) {
				t.Errorf("the near miss: %+v", got)
			}
		})
	}
}

// userSite thaws where the user's own packages are a file.
func (th *thaw) userSite(name string) {
	th.file("home/.local/lib/python3.11/site-packages/"+name, "")
	th.env = append(slices.DeleteFunc(slices.Clone(th.env), func(e string) bool {
		return strings.HasPrefix(e, "HOME=")
	}), "HOME="+th.dir+"/home")
}

// Packages of the user's own come before those of the system.
func TestUserSiteLikePlain(t *testing.T) {
	for _, at := range []string{"/nowhere", "/old"} {
		th := newThaw(t, "-c", "import sys; print(sys.path[1:])")
		th.userSite("x.pth")
		th.old = append(slices.Clone(th.env[:len(th.env)-1]), "HOME="+th.dir+at)
		th.file("old/.local/lib/python3.11/site-packages/none", "")
		th.file("home/.local/lib/python3.11/site-packages/x.pth", "/usr\n")
		th.same()
	}
}

// Whatever PYTHONPATH was and is: sys.path is that of a plain interpreter, or the plain one runs.
func TestPythonPath(t *testing.T) {
	const tell = "import sys; print(sys.path)"
	random := rand.New(rand.NewPCG(1, 2))
	fellBack := 0
	for range 30 {
		th := newThaw(t, "-c", tell)
		if random.IntN(2) == 0 {
			th.argv = []string{th.file("s.py", tell)}
		}
		if random.IntN(4) == 0 {
			th.options = []string{"-P"}
		}
		choose := func() (entry string) {
			var dirs []string
			for range random.IntN(4) {
				dirs = append(dirs, th.dir+"/"+[]string{"a", "b", "c", "./a", "d/../b", "e/"}[random.IntN(6)])
			}
			return "PYTHONPATH=" + strings.Join(dirs, ":")
		}
		th.old, th.env = append(th.old[:4:4], choose()), append(th.env[:4:4], choose())
		th.frozen = []string{"", "import sys; sys.path.insert(0, '/mine')",
			"import sys; sys.path.append('/mine')"}[random.IntN(3)]
		want, got := th.plain(), th.thawed()
		if got.status == 99 {
			fellBack++
			continue
		}
		mine := strings.NewReplacer("'/mine', ", "", ", '/mine'", "")
		if mine.Replace(got.out) != want.out || got.status != 0 {
			t.Errorf("%q %s, %s, %s:\nplain  %s\nthawed %s%s", th.argv, th.frozen,
				strings.ReplaceAll(th.old[4], th.dir, ""), strings.ReplaceAll(th.env[4], th.dir, ""),
				strings.ReplaceAll(want.out, th.dir, ""), strings.ReplaceAll(got.out, th.dir, ""), got.err)
		}
	}
	if fellBack > 20 {
		t.Errorf("%d of 30 fall back", fellBack)
	}
}

// The environment is that of the thaw, with the changes that the program had made in its own;
// so it is for programs that it starts, and for copies of it and of the arguments.
func TestEnvironment(t *testing.T) {
	th := newThaw(t, "-c", `
import os, subprocess, sys, mod
def show(e): return sorted((k, v) for k, v in e.items() if k in 'A B C D E F'.split())
print(show(os.environ), os.environb.get(b'E'), mod.env is not os.environ, show(mod.env))
print(subprocess.run(['env'], stdout=-1).stdout.count(b'A=new'), os.getenv('D'))
print(mod.args, mod.rest, mod.other)
`, "one", "two")
	th.file("mod.py", "import os, sys\nenv = dict(os.environ)\nargs = list(sys.argv)\n"+
		"rest = sys.argv[1:]\nother = ['-c']")
	th.old = append(th.old, "A=old", "B=gone", "D=x")
	th.env = append(th.env, "A=new", "A=twice", "D=x", "E=\xff", "novalue", "=odd", "F=a=b")
	th.frozen = "import os, sys\nsys.path.insert(0, '')\nimport mod\nos.environ['C'] = 'own'"
	th.config = func(cfg *Config) {
		cfg.Changes = []captured.EnvChange{{Name: []byte("C"), Value: []byte("own")},
			{Name: []byte("D")}}
		at := "sys.modules['mod']."
		cfg.Copies = []captured.Copy{{Path: at + "env", Environ: true}, {Path: at + "args"},
			{Path: at + "rest", From: 1}, {Path: at + "gone"}}
	}
	want := `[('A', 'new'), ('C', 'own'), ('E', '\udcff'), ('F', 'a=b')] b'\xff' True ` +
		`[('A', 'new'), ('C', 'own'), ('E', '\udcff'), ('F', 'a=b')]
1 None
['-c', 'one', 'two'] ['one', 'two'] ['-c']
`
	if got := th.thawed(); got != (result{want, "", 0}) {
		t.Errorf("%+v, want %s", got, want)
	}
}

// In another directory the modules of the frozen program's directory are others; those beside the
// script, and of the library, stay.
func TestLocalModules(t *testing.T) {
	th := newThaw(t, "-c", "import sys, json\nprint('local' in sys.modules, 'json' in sys.modules)")
	th.file("local.py", "")
	th.file("elsewhere/x", "")
	th.frozen = "import sys, os, json\nsys.path.insert(0, os.getcwd())\nimport local\n"
	for chdir, want := range map[string]string{"": "True True\n",
		"os.chdir('elsewhere')": "False True\n"} {
		frozen := th.frozen
		th.frozen += chdir
		th.config = func(cfg *Config) { cfg.Local = &th.dir }
		if got := th.thawed(); got.out != want || got.status != 0 {
			t.Errorf("%q: %+v, want %s", chdir, got, want)
		}
		th.frozen = frozen
	}
}

// Homes, time zones and directories for temporary files are those of the thaw.
func TestPlaces(t *testing.T) {
	const tell = "import time, tempfile, site, sys\nprint(time.tzname, tempfile.gettempdir())\n" +
		"print(site.getuserbase(), site.getusersitepackages(), site.USER_SITE in sys.path)"
	th := newThaw(t, "-c", tell)
	th.frozen = "import time, tempfile, site\nsite.getusersitepackages()\n" +
		"tempfile.gettempdir()\ntime.localtime()"
	version := strings.TrimPrefix(filepath.Base(th.exe), "python")
	th.file("other/.local/lib/python"+version+"/site-packages/x", "")
	th.file("tmp/x", "")
	th.env = []string{th.env[0], "HOME=" + th.dir + "/other", "TZ=XYZ-3", "TMPDIR=" + th.dir + "/tmp",
		"LANG=C.UTF-8"}
	th.same()
	th.env = append(th.env, "PYTHONUSERBASE="+th.dir)
	th.same()
}
