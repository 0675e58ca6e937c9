package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// home is a user's home with a directory of programs, and a launcher's directory before it on PATH.
type home struct {
	t         *testing.T
	dir, bin  string
	launchers string
	env       []string
}

func newHome(t *testing.T) *home {
	h := &home{t: t, dir: tempDir(t)}
	h.bin, h.launchers = filepath.Join(h.dir, "bin"), filepath.Join(h.dir, ".local/bin")
	h.env = []string{"HOME=" + h.dir, "PATH=" + h.launchers + ":" + h.bin + ":/usr/bin:/bin", "XDG_CACHE_HOME=", "XDG_RUNTIME_DIR=", "PYFREEZE_LOG=",
		"HGRCPATH=/dev/null", "HGUSER=x"}
	if err := os.Mkdir(h.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the directory is removed: builders in the background write to it
		quiet := 0
		for end := time.Now().Add(30 * time.Second); quiet < 3 && time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
			quiet++
			if killBuilders(h.dir)+below(h.dir) > 0 {
				quiet = 0
			}
		}
	})
	return h
}

// below gives how many processes work below a directory.
func below(dir string) (n int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*/cwd") // the pattern is fine
	for _, d := range dirs {
		if at, err := os.Readlink(d); err == nil && strings.HasPrefix(at, dir+"/") {
			n++
		}
	}
	return n
}

// tool makes the program "tool", whose module says text.
func (h *home) tool(text string) {
	h.t.Helper()
	b, err := os.ReadFile(program("tool.py"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.write("bin/tool", string(b))
	h.write("bin/tool_module.py", "text = "+fmt.Sprintf("%q", text)+"\n")
	h.env = append(h.env, "PYTHONDONTWRITEBYTECODE=1") // two edits within a second look alike to it
}

func (h *home) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) run(argv ...string) outcome {
	h.t.Helper()
	return run(h.t, command{argv: append([]string{"env"}, argv...), dir: h.dir, env: h.env})
}

func (h *home) status() installed {
	h.t.Helper()
	var all []installed
	o := h.run(binary, "status", "--json").must(h.t, "exit 0")
	if err := json.Unmarshal([]byte(o.Stdout), &all); err != nil || len(all) != 1 {
		h.t.Fatalf("%v in %q", err, o.Stdout)
	}
	return all[0]
}

// thaws runs the tool until it is thawed, which a builder in the background sees to.
func (h *home) thaws(want string, argv ...string) {
	h.t.Helper()
	before := h.status().Runs.Thawed
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if o := h.run(argv...).must(h.t, "exit 0"); o.Stdout != want || o.Stderr != "" {
			h.t.Fatalf("%q said %q, %q, and not %q", argv, o.Stdout, o.Stderr, want)
		}
		switch s := h.status(); {
		case s.Runs.Thawed > before:
			return
		case time.Now().After(end):
			h.t.Fatalf("%q is never thawed: %+v", argv, s)
		}
	}
}

// TestInstallAt installs a program that is frozen at a function: what it does before that is done once, also where it serves for ever behind it.
func TestInstallAt(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, "PYTHONDONTWRITEBYTECODE=1")
	h.write("bin/app", "#!"+python+"\nimport sys, time\nsys.path[0] = '"+h.dir+"/bin'\nimport app_module\napp_module.main()\n")
	h.write("bin/app_module.py", "import sys, time\nbegun = time.monotonic_ns()\ndef main():\n    print(sys.argv[1:], begun, flush=True)\n"+
		"    while sys.argv[1:] == ['serve']: time.sleep(1)\n")
	h.run(binary, "install", "app", "--at", "app_module:main", "--warm", "serve").must(t, "exit 0")
	first := h.run("app", "a", "b").must(t, "exit 0").Stdout
	if !strings.HasPrefix(first, "['a', 'b'] ") || h.run("app", "a", "b").must(t, "exit 0").Stdout != first {
		t.Errorf("the program said %q", first)
	}
	if s := h.status(); s.Runs.Thawed != 2 || len(s.Runs.Plain) != 0 {
		t.Errorf("%+v", s)
	}
	h.run(binary, "install", "app", "--at", "app_module:", "--warm", "x").must(t, "exit 2")
	h.run(binary, "install", "app", "--at", "app_module:main", "--warm", "x", "--warm", "y").must(t, "exit 2")
}

// TestInstall puts a launcher in front of hg and takes it away again.
func TestInstall(t *testing.T) {
	h := newHome(t)
	o := h.run(binary, "install", "hg").must(t, "exit 0")
	if strings.Contains(o.Stderr, "ended with") {
		t.Errorf("a warm-up command of the recipe fails: %s", o.Stderr)
	}
	h.run("hg", "init", "r").must(t, "exit 0")
	h.write("r/f", "text\n")
	h.run("hg", "-R", "r", "commit", "-A", "-m", "one").must(t, "exit 0")
	commands := [][]string{{"log", "-p", "-R", "r"}, {"status", "-A", "-R", "r"}, {"version"}, {"nonexistent"}, {"id", "--debug", "-R", "r"}}
	for _, args := range commands {
		plain, thawed := h.run(append([]string{"/usr/bin/hg"}, args...)...), h.run(append([]string{"hg"}, args...)...)
		if plain.Stdout != thawed.Stdout || plain.Stderr != thawed.Stderr || plain.Status != thawed.Status {
			t.Errorf("hg %q: %v, plain %v", args, thawed, plain)
		}
	}
	if s := h.status(); s.Runs.Thawed != len(commands)+2 || len(s.Runs.Plain) != 0 || len(s.Images) != 1 || !s.Images[0].Fits {
		t.Errorf("status: %+v", s)
	}
	for _, args := range [][]string{{"status"}, {"list"}, {"status", "hg"}} {
		if o := h.run(append([]string{binary}, args...)...).must(t, "exit 0"); !strings.Contains(o.Stdout, fmt.Sprintf("%d runs thawed", len(commands)+2)) ||
			!strings.Contains(o.Stdout, "fits") {
			t.Errorf("%q said %q", args, o.Stdout)
		}
	}
	if o := h.run(python, filepath.Join(h.launchers, "hg"), "version", "-q").must(t, "exit 0"); !strings.HasPrefix(o.Stdout, "Mercurial") {
		t.Errorf("run by Python, the launcher said %q", o.Stdout)
	}
	h.run(binary, "status", "nothing").must(t, "exit 1")
	h.run(binary, "uninstall", "hg").must(t, "exit 0")
	mustNotExist(t, filepath.Join(h.launchers, "hg"))
	mustNotExist(t, filepath.Join(h.dir, ".cache/pyfreeze/hg"))
	h.run(binary, "uninstall", "hg").must(t, "exit 1")
	h.run("hg", "version", "-q").must(t, "exit 0")
}

// TestInstallRefuses leaves alone what is no launcher, and wants to know how to warm up.
func TestInstallRefuses(t *testing.T) {
	h := newHome(t)
	h.tool("x")
	h.write(".local/bin/tool", "mine\n")
	h.run(binary, "install", "tool", "--warm", "").must(t, "exit 1").oneLine(t, "--force replaces it")
	h.run(binary, "install", "tool", "--force", "--warm", "").must(t, "exit 0")
	h.run(binary, "install", "tool", "--warm", "a").must(t, "exit 0") // again
	h.run(binary, "install", "tool", "--at", "exit").must(t, "exit 2").oneLine(t, "give --warm")
	h.run(binary, "install", "nonexistent", "--warm", "").must(t, "exit 1")
	h.run(binary, "install", filepath.Join(h.bin, "tool"), "--dir", h.bin, "--warm", "").must(t, "exit 2").oneLine(t, "take the place of")
	h.run(binary, "install").must(t, "exit 2")
}

// TestLauncherKeepsUp changes all that a program depends on: the next command behaves as the plain one, and then is thawed again.
func TestLauncherKeepsUp(t *testing.T) {
	h := newHome(t)
	h.tool("first")
	h.run(binary, "install", "tool", "--warm", "x").must(t, "exit 0")
	h.thaws("first ['a'] tool\n", "tool", "a")

	h.write("bin/tool_module.py", "text = 'second'\n")
	h.thaws("second [] tool\n", "tool")

	b, err := os.ReadFile(filepath.Join(h.bin, "tool"))
	if err != nil {
		t.Fatal(err)
	}
	h.write("bin/tool", strings.Replace(string(b), "print(tool", "print('new', tool", 1))
	h.thaws("new second [] tool\n", "tool")

	h.thaws("new second [] tool\n", "LANG=C", "tool") // an image of its own
	if n := len(h.status().Images); n != 2 {
		t.Errorf("%d images", n)
	}

	// Another one comes first on PATH, and goes.
	h.write("other/tool", "#!/bin/sh\necho other\n")
	env := h.env
	h.env = append(h.env, "PATH="+h.launchers+":"+h.dir+"/other:"+h.bin+":/usr/bin:/bin")
	if o := h.run("tool").must(t, "exit 0"); o.Stdout != "other\n" {
		t.Errorf("another program on PATH: %q", o.Stdout)
	}
	h.env = env
	h.thaws("new second [] tool\n", "tool")
	if err := os.Rename(filepath.Join(h.bin, "tool"), filepath.Join(h.bin, "gone")); err != nil {
		t.Fatal(err)
	}
	h.run("tool").must(t, "exit 125").oneLine(t, "none on PATH but the launcher")
}

// TestLauncherNoImage starts the plain program where there is no image, and leaves it nothing of the builder's.
func TestLauncherNoImage(t *testing.T) {
	h := newHome(t)
	h.tool("plain")
	h.run(binary, "install", "tool", "--warm", "x", "--no-build").must(t, "exit 0")

	// A pipe that the command inherits and closes is closed, though a builder waits for the end of the command.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(h.launchers, "tool"), "hold")
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), h.env...), []*os.File{w}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	ended := make(chan struct{})
	go func() { _, _ = io.ReadAll(r); close(ended) }()
	select {
	case <-ended:
	case <-time.After(15 * time.Second): // less than the builder waits
		t.Error("the builder keeps a descriptor of the command")
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil || out.String() != "plain ['hold'] tool\n" {
		t.Fatalf("%v: %q", err, out.String())
	}
	h.thaws("plain [] tool\n", "tool")
	if s := h.status(); s.Runs.Plain["there is no image yet"] == 0 {
		t.Errorf("%+v", s)
	}
}

// TestLauncherFails keeps in mind that a program cannot be frozen.
func TestLauncherFails(t *testing.T) {
	h := newHome(t)
	h.tool("plain")
	h.run(binary, "install", "tool", "--at", "exit", "--warm", "thread").must(t, "exit 6").oneLine(t, "runs the plain program")
	for range 3 {
		if o := h.run("tool").must(t, "exit 0"); o.Stdout != "plain [] tool\n" || o.Stderr != "" {
			t.Errorf("%v", o)
		}
	}
	s := h.status()
	if len(s.Images) != 1 || !strings.Contains(s.Images[0].Failed, "running thread") || s.Runs.Thawed != 0 {
		t.Errorf("%+v", s)
	}
	for why, n := range s.Runs.Plain {
		if !strings.Contains(why, "there is no image: ") || n != 3 {
			t.Errorf("%d runs were plain: %s", n, why)
		}
	}
}

// TestLauncherTrusts no image that another could have written, and needs no cache in the user's home.
func TestLauncherTrusts(t *testing.T) {
	h := newHome(t)
	h.tool("text")
	h.run(binary, "install", "tool", "--warm", "x").must(t, "exit 0")
	h.thaws("text [] tool\n", "tool")
	cache := filepath.Join(h.dir, ".cache/pyfreeze/tool")
	plain := func(what string) {
		t.Helper()
		before := h.status().Runs.Thawed
		if o := h.run("tool").must(t, "exit 0"); o.Stdout != "text [] tool\n" || o.Stderr != "" {
			t.Errorf("%s: %v", what, o)
		}
		if n := h.status().Runs.Thawed; n > before {
			t.Errorf("%s: it was thawed", what)
		}
	}
	if err := os.Chmod(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "XDG_RUNTIME_DIR="+filepath.Join(h.dir, "runtime"))
	plain("a directory that others may look into")
	h.thaws("text [] tool\n", "tool") // the builder has found another place
	if err := os.RemoveAll(filepath.Join(h.dir, "runtime")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	h.thaws("text [] tool\n", "tool")
	image := h.status().Images[0].Path
	for _, spoil := range []func() error{
		func() error { return os.Chmod(image, 0o622) },
		func() error { return os.Chown(image, 12345, 12345) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		plain("an image of another")
		h.thaws("text [] tool\n", "tool")
	}
	// A cache that cannot be made.
	if err := os.RemoveAll(filepath.Join(h.dir, ".cache")); err != nil {
		t.Fatal(err)
	}
	h.write(".cache", "no directory")
	h.thaws("text [] tool\n", "tool")
	if path := h.status().Images[0].Path; !strings.HasPrefix(path, filepath.Join(h.dir, "runtime")) {
		t.Errorf("the image is %s", path)
	}
}

// TestLauncherHgConfig changes what hg reads when it starts: the next command behaves as plain hg does, thawed.
func TestLauncherHgConfig(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, "HGRCPATH="+filepath.Join(h.dir, "hgrc"))
	h.write("hgrc", "")
	h.run(binary, "install", "hg").must(t, "exit 0")
	h.run("/usr/bin/hg", "init", "r").must(t, "exit 0")
	h.write("r/f", "text\n")
	h.run("/usr/bin/hg", "-R", "r", "commit", "-A", "-q", "-m", "one").must(t, "exit 0")
	h.write("ext.py", "def uisetup(ui):\n    ui.write(b'mine %d\\n' % 1)\ncmdtable = {}\n")
	same := func(thawed bool, env []string, args ...string) {
		t.Helper()
		before := h.status().Runs.Thawed
		plain, got := h.run(append(append(env, "/usr/bin/hg"), args...)...), h.run(append(append(env, "hg"), args...)...)
		if plain.Stdout != got.Stdout || plain.Stderr != got.Stderr || plain.Status != got.Status {
			t.Errorf("%q hg %q: %v, plain %v", env, args, got, plain)
		}
		if is := h.status().Runs.Thawed > before; is != thawed {
			t.Errorf("%q hg %q: thawed: %t", env, args, is)
		}
	}
	log := []string{"log", "-R", "r"}
	same(true, nil, log...)
	for _, rc := range []string{
		"[ui]\nverbose = true\nusername = someone\n", "[alias]\nlog = log -T '{node}\\n'\nxx = id\n", "[extensions]\nrebase =\nmq =\n", "[color]\nmode = ansi\n[ui]\ncolor = always\n",
		"[extensions]\nmine = " + h.dir + "/ext.py\n", "[defaults]\nlog = -v\n", "[ui]\nlanguage = x\n[web]\nname = y\n", "not an rc file\n", "",
	} {
		h.write("hgrc", rc)
		same(true, nil, log...)
		same(true, nil, "config", "-R", "r")
		same(true, nil, "rebase", "-R", "r", "--help")
		same(true, nil, "xx", "-R", "r")
	}
	h.write("ext.py", "def uisetup(ui):\n    ui.write(b'another %d\\n' % 2)\ncmdtable = {}\n")
	h.write("hgrc", "[extensions]\nmine = "+h.dir+"/ext.py\n")
	same(true, nil, log...)
	for _, env := range []string{"HGPLAIN=1", "HGENCODING=latin-1", "HGENCODINGMODE=replace", "HGUSER=other", "HGEDITOR=false", "TZ=Asia/Tokyo", "HGPLAINEXCEPT=alias", "COLUMNS=30", "NO_COLOR=1"} {
		same(true, []string{env}, log...)
	}
	for _, env := range []string{"HGMODULEPOLICY=py", "HGEMITWARNINGS=1", "HGDEMANDIMPORT=disable"} {
		same(false, []string{env}, log...)
	}
}

// shorten puts the first part of a file in its place.
func shorten(t *testing.T, path string) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.WriteFile(path+".short", b[:min(len(b), 1<<20)], 0o600)
	}
	if err == nil {
		err = os.Rename(path+".short", path)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestLauncherCrowd starts 200 commands at once while images are deleted and rebuilt, and builders killed: none fails, none
// prints anything extra.
func TestLauncherCrowd(t *testing.T) {
	h := newHome(t)
	h.run("/usr/bin/hg", "init", "r").must(t, "exit 0")
	h.write("r/f", "text\n")
	h.run(binary, "install", "hg").must(t, "exit 0")
	cache := filepath.Join(h.dir, ".cache/pyfreeze/hg")
	stop := make(chan struct{})
	var vandals, crowd sync.WaitGroup
	vandals.Add(1)
	go func() {
		defer vandals.Done()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			images, _ := filepath.Glob(filepath.Join(cache, "*.pyfreeze")) // the pattern is fine
			for _, path := range images {
				switch i % 3 {
				case 0:
					_ = os.Remove(path)
				case 1: // another file in its place: no image survives that the file which a process has mapped is cut
					shorten(t, path)
				case 2:
					killBuilders(h.dir)
				}
			}
		}
	}()
	limit := make(chan struct{}, 50)
	for range 200 {
		crowd.Add(1)
		limit <- struct{}{}
		go func() {
			defer crowd.Done()
			o, err := try(command{argv: []string{filepath.Join(h.launchers, "hg"), "status", "-R", "r"}, dir: h.dir, env: h.env})
			if err != nil || o.Status != "exit 0" || o.Stdout != "? f\n" || o.Stderr != "" {
				t.Errorf("%v, %v", o, err)
			}
			<-limit
		}()
	}
	crowd.Wait()
	close(stop)
	vandals.Wait()
	h.thaws("? f\n", "hg", "status", "-R", "r")
	s := h.status()
	t.Logf("%d thawed, plain: %v", s.Runs.Thawed, s.Runs.Plain)
	for end := time.Now().Add(20 * time.Second); len(leftOver(cache)) > 0; time.Sleep(200 * time.Millisecond) {
		h.run("hg", "version", "-q").must(t, "exit 0")
		if time.Now().After(end) {
			h.run(binary, "install", "hg").must(t, "exit 0") // which sweeps
			if left := leftOver(cache); len(left) > 0 {
				t.Errorf("left over: %q", left)
			}
			break
		}
	}
}

// leftOver gives what builders that were killed have left.
func leftOver(cache string) (out []string) {
	entries, _ := os.ReadDir(cache)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "build-") || strings.HasPrefix(e.Name(), ".pyfreeze") {
			out = append(out, e.Name())
		}
	}
	return out
}

// killBuilders kills the builders of launchers below dir, and gives how many there were.
func killBuilders(dir string) (n int) {
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is fine
	for _, p := range procs {
		b, err := os.ReadFile(p)
		if err != nil || !strings.Contains(string(b), "build\x00--") || !strings.Contains(string(b), dir) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(p, "/proc/%d/", &pid); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			n++
		}
	}
	return n
}
