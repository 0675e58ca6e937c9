package script

import (
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/target"
)

// warmed runs a command line with warm-up runs behind it.
func warmed(th *thaw, more ...[]string) result {
	th.t.Helper()
	cl, err := guard.ParseCmdline(append([]string{th.exe}, th.argv...))
	if err != nil {
		th.t.Fatal(err)
	}
	words, err := WarmCommand(cl, th.dir, more, "", true, nil, th.dir+"/told")
	if err != nil {
		th.t.Fatal(err)
	}
	return th.run(th.env, words[1:]...)
}

// A command with warm-up runs behind it looks like the command alone, however it ends, and
// whatever the warm-up runs do.
func TestWarmLikePlain(t *testing.T) {
	const program = `
import sys, os, atexit
print(__name__, sys.argv, sys.path[0], globals().get('__file__'))
with open('ran', 'a') as f:
    f.write(' '.join(sys.argv[1:]) + '\n')
sys.stdin.read(1)
if 'exit' in sys.argv: sys.exit(5)
if 'fail' in sys.argv: 1/0
if 'wrap' in sys.argv:
    import io
    sys.stdout.flush()
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'ascii')
    print('wrapped')
if 'bye' in sys.argv: atexit.register(print, 'bye')
if 'own' in sys.argv:
    def own(): print('own')
    atexit.register(own)
`
	for _, first := range []string{"a", "exit", "fail", "wrap", "bye", "own"} {
		for _, how := range []string{"script", "module", "command"} {
			th := newThaw(t)
			path := th.file("prog.py", program)
			th.argv = map[string][]string{"script": {path, first}, "module": {"-m", "prog", first},
				"command": {"-c", program, first}}[how]
			th.start = `echo input | { exec "$@"; }`
			want := th.plain()
			got := warmed(th, []string{"w1"}, []string{"own"}, []string{"wrap"}, nil)
			// An error is told as of the program alone, whose lines are the same.
			if got != want {
				t.Errorf("%s %s:\nplain  %+v\nwarmed %+v", how, first, want, got)
			}
			ran, _ := th.readFile("ran")
			if want := first + "\n" + first + "\nw1\nown\nwrap\n\n"; ran != want {
				t.Errorf("%s %s: the runs were %q, want %q", how, first, ran, want)
			}
		}
	}
}

// A warm-up run that fails is told, and does not count.
func TestWarmFails(t *testing.T) {
	th := newThaw(t, "-c", "import sys\nif 'no' in sys.argv: sys.exit('words')\n"+
		"if 'bad' in sys.argv: 1/0\nprint('ran')", "first")
	got := warmed(th, []string{"no"}, []string{"bad"}, []string{"fine"})
	told := strings.Count(got.err, "pyfreeze: the warm-up run")
	if got.out != "ran\n" || got.status != 0 || told != 2 ||
		!strings.Contains(got.err, "['no'] ended with words\n") ||
		!strings.Contains(got.err, "ZeroDivisionError") || strings.Contains(got.err, "fine") {
		t.Errorf("%+v", got)
	}
}

// Words of any kind reach the program as they are.
func TestWarmWords(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	letters := []rune("a'\"\\\n\t $(){}[],:\x00\x7fäß€\u2028\U0001f600</&>\ufeff")
	var runs [][]string
	for range 200 {
		run := []string{}
		for range random.IntN(4) {
			word := make([]rune, random.IntN(6))
			for i := range word {
				word[i] = letters[random.IntN(len(letters))]
			}
			run = append(run, string(word))
		}
		runs = append(runs, run)
	}
	literal, err := pythonLiteral([]string{"-c", "x"}, nil, runs, [][]string{}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(target.Debian, "-c", "import json, sys\n"+
		"sys.stdout.write(json.dumps(eval(sys.stdin.read(), {'null': None})[2]))")
	cmd.Stdin = strings.NewReader(literal)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(runs) {
		t.Fatal(err, len(got))
	}
	for i := range runs {
		if strings.Join(got[i], "|") != strings.Join(runs[i], "|") || len(got[i]) != len(runs[i]) {
			t.Errorf("%q came as %q", runs[i], got[i])
		}
	}
	for i := range 3 {
		bad := [3][]string{{"-c", "x"}, {"x"}, {"", "x"}}
		bad[i][1%len(bad[i])] = "\xff"
		if _, err := pythonLiteral(bad[0], nil, bad[1:2], bad[2:], nil, ""); err == nil {
			t.Errorf("what is no text passes: %q", bad)
		}
	}
}

// The recipe of the program runs it, where it says how: for warm-up runs only.
func TestWarmRecipe(t *testing.T) {
	th := newThaw(t, "-c", "print('program')")
	recipe := th.file("r.py", "import os\ndef warm(args):\n os.write(3, repr(args).encode())")
	cl, err := guard.ParseCmdline(append([]string{th.exe, "-P"}, th.argv...))
	if err != nil {
		t.Fatal(err)
	}
	words, err := WarmCommand(cl, th.dir, [][]string{{"x"}, {"y", "z"}}, recipe, false, nil, th.dir+"/opened")
	if err != nil {
		t.Fatal(err)
	}
	th.start = `exec "$@" 3>told`
	got := th.run(th.env, words[1:]...)
	told, _ := th.readFile("told")
	if got != (result{"program\n", "", 0}) || told != "['x']['y', 'z']" {
		t.Errorf("%+v, %s", got, told)
	}
	if _, err := WarmCommand(cl, th.dir, nil, recipe+"x", false, nil, ""); err == nil {
		t.Error("a recipe that is not there is taken")
	}
}
