package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestFreezeExit freezes a program at its exit: its modules stay, its script runs anew.
func TestFreezeExit(t *testing.T) {
	image := filepath.Join(tempDir(t), "i")
	o := pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--", python, program("warmup.py"), "one").must(t, "exit 0")
	if !strings.Contains(o.Stdout, "[['one']] __main__ warmup.py warmup.py\n") || !strings.Contains(o.Stdout, "bye from a run with ['one'] 1\n") ||
		!strings.Contains(o.Stderr, "ended with exit status 1") {
		t.Errorf("the command said %q, %q", o.Stdout, o.Stderr)
	}
	log := newRunLog(t)
	for _, args := range [][]string{{}, {"x", "y"}} {
		got := run(t, command{argv: append([]string{binary, "run", image}, args...), env: []string{log.env()}})
		quoted := "[" + strings.Join(quoteAll(args), ", ") + "]"
		want := "[['one'], " + quoted + "] __main__ warmup.py warmup.py\nbye from a run with " + quoted + " 2\n"
		if diff := cmp.Diff(want, got.Stdout); diff != "" {
			t.Error(diff)
		}
	}
	log.thawed(t, 2)
}

func quoteAll(words []string) (out []string) {
	for _, w := range words {
		out = append(out, "'"+w+"'")
	}
	return out
}

// TestFreezeWarm runs a program several times before the freeze.
func TestFreezeWarm(t *testing.T) {
	image := filepath.Join(tempDir(t), "i")
	o := pyfreeze(t, "freeze", "-o", image, "--warm", "two 'a b'", "--warm", "", "--warm", `raise`, "--", python, program("warmup.py")).must(t, "exit 0")
	if !strings.HasPrefix(o.Stdout, "[[]] __main__ warmup.py warmup.py\nbye from a run with [] 3\n"+image) {
		t.Errorf("the command said %q", o.Stdout)
	}
	for _, want := range []string{"the warm-up run ['two', 'a b'] ended with 2\n", "the warm-up run ['raise'] ended with Traceback", "KeyError: 'raised'"} {
		if !strings.Contains(o.Stderr, want) {
			t.Errorf("standard error has no %q: %q", want, o.Stderr)
		}
	}
	got := run(t, command{argv: []string{binary, "run", image, "z"}})
	if want := "[[], ['two', 'a b'], [], ['z']] __main__ warmup.py warmup.py\nbye from a run with ['z'] 4\n"; got.Stdout != want {
		t.Error(cmp.Diff(want, got.Stdout))
	}
	pyfreeze(t, "freeze", "-o", image, "--warm", "'", "--", python, program("warmup.py")).must(t, "exit 2")
	pyfreeze(t, "freeze", "-o", image, "--warm", "x", "--at", "a:b", "--", python, program("warmup.py")).must(t, "exit 2")
	pyfreeze(t, "freeze", "-o", image, "--warm", "\xff", "--", python, program("warmup.py")).must(t, "exit 1")
}

// TestFreezeWarmRecipe leaves it to a recipe how the program is run again.
func TestFreezeWarmRecipe(t *testing.T) {
	dir := tempDir(t)
	image, recipe := filepath.Join(dir, "i"), filepath.Join(dir, "recipe.py")
	if err := os.WriteFile(recipe, []byte("def warm(args):\n    import json\n    json.runs.append(('by the recipe', args))\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pyfreeze(t, "freeze", "-o", image, "--recipe", recipe, "--warm", "w", "--", python, program("warmup.py"), "c").must(t, "exit 0")
	got := run(t, command{argv: []string{binary, "run", image}})
	if !strings.HasPrefix(got.Stdout, "[['c'], ('by the recipe', ['w']), []] __main__") {
		t.Errorf("the thaw said %q", got.Stdout)
	}
}

// TestFreezeAt freezes a program when a function or method is first called; then it goes on.
func TestFreezeAt(t *testing.T) {
	for at, want := range map[string]string{"__main__:Tool.main": "[['x']] __main__", "json.decoder:JSONDecoder.__init__": "[['x']] __main__"} {
		image := filepath.Join(tempDir(t), "i")
		o := pyfreeze(t, "freeze", "-o", image, "--at", at, "--", python, program("warmup.py"), "one").must(t, "exit 0")
		if !strings.Contains(o.Stdout, "[['one']]") || !strings.Contains(o.Stdout, "bye from a run with ['one'] 1\n") {
			t.Errorf("the command said %q", o.Stdout)
		}
		log := newRunLog(t)
		got := run(t, command{argv: []string{binary, "run", image, "x"}, env: []string{log.env()}})
		if !strings.HasPrefix(got.Stdout, want) {
			t.Errorf("at %s: the thaw said %q", at, got.Stdout)
		}
		log.thawed(t, 1)
	}
}

// TestFreezeHow starts the interpreter in other ways.
func TestFreezeHow(t *testing.T) {
	for _, argv := range [][]string{
		{"sh", "-c", "exec " + python + " -E " + program("warmup.py") + ` "$@"`, "sh"},
		{"env", "A=b", python, program("warmup.py")},
		{python, "-m", "json.tool", "-h"},
		{python, "-c", "print(sorted([2, 1]))"},
	} {
		for _, warm := range []string{"", "x y"} {
			image := filepath.Join(tempDir(t), "i")
			args := []string{"freeze", "-o", image, "--at", "exit"}
			if warm != "" {
				args = append(args, "--warm", warm)
			}
			first := pyfreeze(t, append(append(args, "--"), argv...)...).must(t, "exit 0")
			log := newRunLog(t)
			got := run(t, command{argv: []string{binary, "run", image, "-h"}, env: []string{log.env()}})
			plain := run(t, command{argv: append(argv, "-h")})
			log.thawed(t, 1)
			if strings.Contains(strings.Join(argv, " "), "warmup") {
				if !strings.Contains(got.Stdout, ", ['-h']] __main__ warmup.py") {
					t.Errorf("%q said %q", argv, got.Stdout)
				}
			} else if got.Stdout != plain.Stdout {
				t.Errorf("%q said %q, plain %q; at the freeze %q", argv, got.Stdout, plain.Stdout, first.Stdout)
			}
		}
	}
}

// TestFreezeFails has commands that never come to the point; no image is written.
func TestFreezeFails(t *testing.T) {
	image := filepath.Join(tempDir(t), "i")
	script, exit := []string{python, program("warmup.py")}, []string{"--at", "exit"}
	for _, c := range []struct {
		exit, says string
		flags      []string
		argv       []string
	}{
		{"exit 11", "ended with exit status 7 and did not come to the end of its interpreter", exit, append(script, "hard")},
		{"exit 11", "executed another program", exit, append(script, "shell")},
		{"exit 11", "never called json:nothing on its main thread", []string{"--at", "json:nothing"}, script},
		{"exit 2", "--at json: give found, exit, or MODULE:FUNCTION", []string{"--at", "json"}, script},
		{"exit 11", "did not start a Python interpreter", nil, []string{"sh", "-c", "true; true"}},
		{"exit 1", "nonexistent-command", nil, []string{"nonexistent-command"}},
		{"exit 2", "takes a command", nil, nil},
		{"exit 6", "a running thread 'Thread-1 (sleep)', which a thaw has not", exit, []string{python, "-c", "import threading, time; threading.Thread(target=time.sleep, args=(0.3,)).start()"}},
	} {
		args := append([]string{"freeze", "-o", image}, c.flags...)
		o := pyfreeze(t, append(append(args, "--"), c.argv...)...).must(t, c.exit)
		if !strings.Contains(o.Stderr, c.says) {
			t.Errorf("%q %q: %q", c.flags, c.argv, o.Stderr)
		}
		mustNotExist(t, image)
	}
	pyfreeze(t, "freeze", "--", "true").must(t, "exit 2")
	pyfreeze(t, "freeze", "-o", "/nonexistent/i", "--", python, "-c", "open('/nonexistent/started', 'w')").must(t, "exit 8")
}

// TestFreezeHg freezes hg itself, warmed up by several commands, and compares with plain hg.
func TestFreezeHg(t *testing.T) {
	dir := tempDir(t)
	env := []string{"HGRCPATH=/dev/null", "HGUSER=x"}
	must := func(argv ...string) outcome {
		return run(t, command{argv: argv, dir: dir, env: env}).must(t, "exit 0")
	}
	must("hg", "init", "r")
	if err := os.WriteFile(filepath.Join(dir, "r", "f"), []byte("text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must("hg", "-R", "r", "commit", "-A", "-q", "-m", "first")
	image := filepath.Join(dir, "i")
	must(binary, "freeze", "-o", image, "--warm", "-R r log", "--warm", "-R r status", "--warm", "-R r diff -c 0", "--", "hg", "version", "-q")
	log := newRunLog(t)
	env = append(env, log.env())
	commands := [][]string{{"-R", "r", "log"}, {"-R", "r", "log", "-p", "--debug"}, {"-R", "r", "status", "-A"}, {"version"}, {"-R", "r", "id", "-i"},
		{"-R", "r", "manifest", "--debug"}, {"help", "commit"}, {"nonexistent"}, {"-R", "nonexistent", "log"}}
	for _, args := range commands {
		plain := run(t, command{argv: append([]string{"hg"}, args...), dir: dir, env: env})
		thawed := run(t, command{argv: append([]string{binary, "run", image}, args...), dir: dir, env: env})
		if diff := cmp.Diff(plain, thawed, cmpopts.IgnoreUnexported(outcome{})); diff != "" {
			t.Errorf("hg %q: %s", args, diff)
		}
	}
	log.thawed(t, len(commands))
}

// TestFreezeCaptured prints what a program captured, in place of the summary.
func TestFreezeCaptured(t *testing.T) {
	image := filepath.Join(tempDir(t), "i")
	o := pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--captured", "--", python, "-c", "import sys, json; json.kept = sys.argv[1] * 2; json.me = (sys.argv[1] + ' ')[:-1]", "a-telling-value").must(t, "exit 0")
	if !strings.Contains(o.Stdout, "argv[1]") || !strings.Contains(o.Stdout, "sys.modules['json'].me") || !strings.Contains(o.Stdout, "a-telling-value") {
		t.Errorf("it said %q", o.Stdout)
	}
}

// TestFreezeArgvDefault has a module that copies sys.argv when it is imported, as the default of its main: a thaw sees its own arguments.
func TestFreezeArgvDefault(t *testing.T) {
	h := newHome(t)
	h.tool("text")
	h.write("bin/tool_module.py", "import sys\ntext = 'x'\ndef main(argv=sys.argv[1:], *, whole=sys.argv[:]):\n    print(argv, whole[1:])\n")
	for _, warm := range [][]string{nil, {"--warm", "w1 w2"}, {"--warm", "one two"}} {
		args := append([]string{binary, "freeze", "-o", "i"}, warm...)
		h.run(append(args, "--", filepath.Join(h.bin, "tool"), "one", "two")...).must(t, "exit 0")
		for _, args := range [][]string{{"a", "b", "c"}, {}, {"one", "two"}} {
			plain := h.run(append([]string{filepath.Join(h.bin, "tool")}, args...)...)
			if got := h.run(append([]string{binary, "run", "i"}, args...)...); got.Stdout != plain.Stdout || got.Stderr != plain.Stderr {
				t.Errorf("%q: %v, plain %v", args, got, plain)
			}
		}
	}
}
