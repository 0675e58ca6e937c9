package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/restore/captured"
)

// secret is one that a path shows with escapes, and that is no UTF-8.
const secret = "s3cr3t \\ 'token': do not show \xe9\xff"

// secretText is how it is shown where it may be.
var secretText = string([]rune(secret))

// startCapturing runs a script that imports a module, in a directory of its own, until it waits for input.
func startCapturing(t *testing.T, source string, args ...string) (pid int, dir string) {
	t.Helper()
	dir = tempDir(t)
	script := filepath.Join(dir, "code", "main.py")
	for path, text := range map[string]string{script: source, filepath.Join(dir, "work", ".keep"): ""} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	app, err := os.ReadFile("../../testdata/python/capture_app.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "code", "app.py"), app, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, append([]string{script}, args...)...)
	cmd.Dir = filepath.Join(dir, "work")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + filepath.Join(dir, "home"), "LANG=C.UTF-8", "PAGER=less", "EDITOR=/usr/bin/ed -s",
		"VISUAL=emacs -nw", "TOKEN=" + secret, "MIRROR=https://mirror.example/simple", "WORD=plain-word", "SHORT=1", "TERM=xterm"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "READY\n" {
		t.Fatalf("the target said %q: %v", line, err)
	}
	return cmd.Process.Pid, dir
}

const wait = "import sys\nprint('READY', flush=True)\nsys.stdin.readline()\n"

func capturedOf(t *testing.T, image string, flags ...string) []captured.Value {
	t.Helper()
	o := pyfreeze(t, append([]string{"info", "--captured", "--json", image}, flags...)...).must(t, "exit 0")
	var out struct{ Captured []captured.Value }
	if err := json.Unmarshal([]byte(o.Stdout), &out); err != nil {
		t.Fatalf("%v in %q", err, o.Stdout)
	}
	return out.Captured
}

func TestCaptured(t *testing.T) {
	pid, dir := startCapturing(t, "import app\n"+wait, "--alpha=one", "two words")
	image := filepath.Join(dir, "i")
	o := attach(t, pid, image).must(t, "exit 0")
	got := map[string]captured.Value{}
	for _, c := range capturedOf(t, image, "--values") {
		if !strings.HasPrefix(c.Path, "sys.modules['app'].") {
			t.Errorf("not of the program: %+v", c)
		}
		at := strings.TrimPrefix(c.Path, "sys.modules['app'].")
		if strings.HasPrefix(at, "members member ") {
			at = "members member" // its number depends on the hash
		}
		got[at+" = "+c.What] = c
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"pager = PAGER": "less", "visual = VISUAL": "emacs -nw", "first = argv[1]": "--alpha=one",
		"rest[0] = argv[2]": "two words", "array = TOKEN": secretText, "here = cwd": filepath.Join(dir, "work"),
		"log = cwd": filepath.Join(dir, "work/some.log"), "by_value key 0 = TOKEN": secretText,
		"nested[0]['a'][1] = MIRROR": "https://mirror.example/simple", "members member = MIRROR": "https://mirror.example/simple",
		"partial.args[0] = EDITOR": "/usr/bin/ed -s", "Settings.editor = EDITOR": "/usr/bin/ed -s",
		"settings.editor = EDITOR": "/usr/bin/ed -s", "slots.editor = EDITOR": "/usr/bin/ed -s",
		"held.__closure__[0].cell_contents = EDITOR": "/usr/bin/ed -s", "default.__defaults__[0] = EDITOR": "/usr/bin/ed -s",
		"default.__kwdefaults__['keyword'] = MIRROR": "https://mirror.example/simple", "under_a_key key 0 = TOKEN": secretText,
		"under_a_key['<TOKEN>'][0] = EDITOR": "/usr/bin/ed -s",
		"under_bytes key 0 = TOKEN":          secretText, "under_bytes['<TOKEN>'][0] = EDITOR": "/usr/bin/ed -s",
		"everything = argv": filepath.Join(dir, "code/main.py") + " --alpha=one two words",
		"encoded = argv":    filepath.Join(dir, "code/main.py") + " --alpha=one two words",
	}
	if pid > 256 { // smaller ones are everywhere
		want["pid = pid"] = ""
	}
	if len(host) >= 4 {
		want["host['name'] = hostname"] = host
	}
	user := false
	for at, c := range got {
		if value, ok := want[at]; ok && c.Value != value {
			t.Errorf("%s: value %q, want %q", at, c.Value, value)
		} else if !ok && !strings.HasPrefix(at, "user[") {
			t.Errorf("not expected: %+v", c)
		}
		user = user || strings.HasPrefix(at, "user[")
		delete(want, at)
	}
	for at := range want {
		t.Errorf("not found: %s", at)
	}
	if !user {
		t.Error("the user's name was not found")
	}
	if got["log = cwd"].Below != true || got["here = cwd"].Below {
		t.Error("what is below the directory and what is the directory itself are not told apart")
	}

	// Values are secret unless asked for.
	if !strings.Contains(o.Stdout, "sys.modules['app'].pager") || !strings.Contains(o.Stdout, "more: pyfreeze info --captured") {
		t.Errorf("the summary of attach does not tell: %s", o.Stdout)
	}
	shown := o.Stdout
	for _, flags := range [][]string{{"--captured"}, {"--json"}, {"--captured", "--json"}, {"--captured", "--all"}} {
		shown += pyfreeze(t, append([]string{"info", image}, flags...)...).must(t, "exit 0").Stdout
	}
	if strings.Contains(shown, "s3cr3t") || strings.Contains(shown, "do not show") || strings.Contains(shown, "mirror.example") {
		t.Error("a value of a variable is shown without --values")
	}
	// A word of the program's source is no capture, but can be asked for.
	all := capturedOf(t, image, "--all")
	if !strings.Contains(fmt.Sprint(all), "app'].constant") {
		t.Errorf("--all does not show the word: %v", all)
	}
}

// TestCapturedNothing freezes a program that keeps nothing, but has much of the standard library loaded.
func TestCapturedNothing(t *testing.T) {
	pid, dir := startCapturing(t, "import asyncio, argparse, csv, datetime, decimal, email.mime.text, html.entities, http.client, logging, "+
		"pathlib, pickle, platform, re, shutil, socket, sqlite3, ssl, subprocess, tempfile, threading, unittest, urllib.request, uuid, xml.dom.minidom\n"+wait, "--alpha=one", "status")
	image := filepath.Join(dir, "i")
	attach(t, pid, image).must(t, "exit 0")
	for _, c := range capturedOf(t, image, "--values") {
		t.Errorf("captured: %+v", c)
	}
}

// TestCapturedByLibrary thaws in another directory and home what the standard library keeps of these.
func TestCapturedByLibrary(t *testing.T) {
	pid, dir := startCapturing(t, "import multiprocessing.process, site, sysconfig\n"+
		"print(multiprocessing.process.ORIGINAL_DIR, sysconfig.get_config_var('userbase'), site.getuserbase(), site.USER_SITE, file=__import__('sys').stderr)\n"+wait)
	image := filepath.Join(dir, "i")
	attach(t, pid, image).must(t, "exit 0")
	for _, c := range capturedOf(t, image, "--values") {
		t.Errorf("captured: %+v", c)
	}
	script := filepath.Join(dir, "code", "main.py")
	other := command{dir: tempDir(t), env: []string{"HOME=/nowhere", "LANG=C.UTF-8"}}
	other.argv = []string{python, script}
	plain := run(t, other).must(t, "exit 0")
	log := newRunLog(t)
	other.argv, other.env = []string{binary, "run", "-q", image}, append(other.env, log.env())
	thawed := run(t, other).must(t, "exit 0")
	log.thawed(t, 1)
	if thawed.Stderr != plain.Stderr || !strings.Contains(plain.Stderr, other.dir+" /nowhere/.local") {
		t.Errorf("thawed: %q, plain: %q", thawed.Stderr, plain.Stderr)
	}
}

// TestCapturedFixes checks that a recipe silences what it repairs, and nothing else.
func TestCapturedFixes(t *testing.T) {
	pid, dir := startCapturing(t, "import app\n"+wait, "--alpha=one", "two words")
	recipe := filepath.Join(dir, "recipe.py")
	text := "FIXES = (\n    'app.pager',\n    \"app.*.editor\",  # all of them\n    'app.nested',\n    'app.first[0]',\n)\ndef thaw():\n    pass\n"
	if err := os.WriteFile(recipe, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "i")
	attach(t, pid, image, "--recipe", recipe).must(t, "exit 0")
	list := fmt.Sprint(capturedOf(t, image))
	for _, gone := range []string{"'app'].pager", "Settings.editor", "settings.editor", "nested[0]"} {
		if strings.Contains(list, gone) {
			t.Errorf("%s is listed although the recipe fixes it", gone)
		}
	}
	// slots.editor matches, first is no first[0].
	for _, kept := range []string{"'app'].visual", "'app'].first", "'app'].here", "partial.args[0]"} {
		if !strings.Contains(list, kept) {
			t.Errorf("%s is not listed", kept)
		}
	}
}

// TestCapturedByHg checks that the recipe for hg knows all that hg captures: the list is empty.
func TestCapturedByHg(t *testing.T) {
	s := newHG(t)
	if err := s.Warm(1); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(tempDir(t), "hg.pyfreeze")
	attach(t, s.PID(), image).must(t, "exit 0")
	for _, c := range capturedOf(t, image, "--values") {
		t.Errorf("captured: %+v", c)
	}
	attach(t, s.PID(), image, "--no-recipe").must(t, "exit 0")
	if list := fmt.Sprint(capturedOf(t, image)); !strings.Contains(list, "sysargv") {
		t.Errorf("without the recipe: %s", list)
	}
}
