package guard

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const python = "/usr/bin/python3.11"

// report is what a program tells of how it was started.
type report struct {
	Argv   []string
	Path0  string
	Module string // that it runs as: "" for -c
	Flags  map[string]int
}

const reporter = `
import json, sys
spec = __spec__.name if __spec__ else ""
print(json.dumps({"Argv": sys.argv, "Path0": sys.path[0], "Module": spec, "Flags": {
  "u": int(sys.stdout.write_through),
  "B": sys.flags.dont_write_bytecode, "O": sys.flags.optimize,
  "E": sys.flags.ignore_environment, "s": sys.flags.no_user_site,
  "q": sys.flags.quiet, "S": sys.flags.no_site}}))
`

// TestCommandLinesOfPython starts an interpreter with odd command lines: what is taken apart here
// must be what the interpreter made of it.
func TestCommandLinesOfPython(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"told.py", "-odd.py", "sub/told.py"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(reporter), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("sub/told.py", filepath.Join(dir, "link.py")); err != nil {
		t.Fatal(err)
	}
	options := [][]string{
		{"-u"}, {"-B"}, {"-O"}, {"-OO"}, {"-uB"}, {"-s"}, {"-q"}, {"-E"}, {"-W", "ignore"}, {"-Wignore"},
		{"-X", "utf8"}, {"-Xutf8"}, {"-uX", "utf8"}, {"-BWignore::us"}, {"-OW", "-"}, {"-sW", "-uq"},
		{"--check-hash-based-pycs", "never"}, {"-bsS"},
	}
	programs := [][]string{
		{"told.py"}, {"./sub/told.py"}, {dir + "/told.py"}, {"link.py"}, {"--", "-odd.py"},
		{"-c", reporter},
		{"-c" + reporter}, {"-m", "told"}, {"-mtold"}, {"-Bmtold"}, {"-um", "told"}, {"-uc", reporter},
	}
	args := []string{"-u", "-c", "--", "", "a b", "-", "--check-hash-based-pycs", "-m"}
	for n := range 60 {
		r := rand.New(rand.NewPCG(uint64(n), 1))
		argv := []string{python}
		for range r.IntN(4) {
			argv = append(argv, options[r.IntN(len(options))]...)
		}
		argv = append(argv, programs[n%len(programs)]...)
		for range r.IntN(4) {
			argv = append(argv, args[r.IntN(len(args))])
		}
		checkCommandLine(t, dir, argv)
	}
}

func checkCommandLine(t *testing.T, dir string, argv []string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PYTHONDONTWRITEBYTECODE="}
	out, err := cmd.Output()
	var got report
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err != nil {
		t.Fatalf("%q: %v, %s", argv, err, out)
	}
	c, err := ParseCmdline(argv)
	if err != nil {
		t.Fatalf("%q: %v", argv, err)
	}
	if all := slices.Concat(c.Interp, c.What, c.Args); strings.Join(all, "") == "" ||
		c.Interp[0] != python {
		t.Errorf("%q is taken apart into %q", argv, c)
	}
	argv0, module := c.Script(), ""
	switch c.What[0] {
	case "-c":
		argv0 = "-c"
	case "-m":
		argv0, module = filepath.Join(dir, c.What[1]+".py"), "told"
	}
	if want := append([]string{argv0}, c.Args...); !slices.Equal(got.Argv, want) {
		t.Errorf("%q: sys.argv is %q, want %q", argv, got.Argv, want)
	}
	if got.Path0 != c.Path0(dir) {
		t.Errorf("%q: sys.path[0] is %q, want %q", argv, got.Path0, c.Path0(dir))
	}
	if module == "" && got.Module != "" {
		t.Errorf("%q: it runs as module %s", argv, got.Module)
	}
	for letter, set := range got.Flags {
		if c.HasOption(letter[0]) != (set != 0) {
			t.Errorf("%q: -%s is %d, yet HasOption says %t", argv, letter, set, set == 0)
		}
	}
}

// FuzzParseCmdline takes any words apart, from which the same words can be put together again.
func FuzzParseCmdline(f *testing.F) {
	for _, line := range []string{"p x.py a", "p -um mod", "p -W i -- -x", "p -X", "p --", "p -c",
		"p -xcpass", ""} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		argv := strings.Split(line, " ")
		c, err := ParseCmdline(argv)
		// Of these an interpreter takes one alone.
		long := func(s string) bool { return strings.HasPrefix(s, "--") }
		if err != nil || slices.ContainsFunc(c.Interp, long) {
			return
		}
		if len(c.Interp) == 0 || c.Interp[0] != argv[0] || len(c.What) == 0 || len(c.What) > 2 {
			t.Fatalf("%q is taken apart into %q", argv, c)
		}
		if !strings.HasSuffix(strings.Join(argv, ""),
			strings.Join(append(c.What[len(c.What)-1:], c.Args...), "")) {
			t.Errorf("%q is taken apart into %q", argv, c)
		}
		c.HasOption('u') // of any word
		again, err := ParseCmdline(slices.Concat(c.Interp, c.What, c.Args))
		if err != nil || strings.Join(again.What, " ") != strings.Join(c.What, " ") ||
			!slices.Equal(again.Args, c.Args) {
			t.Errorf("%q and then %q (%v)", c, again, err)
		}
	})
}
