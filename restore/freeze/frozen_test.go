package freeze

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pyfreeze/image"
	"pyfreeze/pyheap"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/copied"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/script"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// command copies a command at a point. It is killed then.
func command(t *testing.T, point string, argv ...string) *snapshot.Copy {
	t.Helper()
	dir := t.TempDir()
	cmd, err := snapshot.StartCommand(tracer.Program{Path: argv[0], Argv: argv, Dir: dir,
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Kill()
		_, _ = cmd.Wait(context.Background())
	})
	at, err := snapshot.ParseAt(point)
	if err == nil {
		err = cmd.ToPython(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	lay, err := symbols.LoadLayout(cmd.Interpreter().Module.File)
	if err != nil {
		t.Fatal(err)
	}
	cmd.UseLayout(lay)
	if err := cmd.ToPoint(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	code, err := script.Code(t.Context(), cmd.Interpreter().Exe, cmd.Start().Environ)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cmd.Fork(t.Context(), code, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// until runs the stages before one that is named.
func until(t *testing.T, c *snapshot.Copy, o Options, name string) *freezing {
	t.Helper()
	o.Tell = func(string, uint64, uint64) {}
	f := &freezing{o: o, copy: c, at: o.At, start: c.Start}
	t.Cleanup(f.close)
	for _, s := range stages {
		if s.name == name {
			return f
		}
		if err := s.run(f, t.Context()); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	t.Fatalf("no stage is called %s", name)
	return nil
}

// idle is a program that waits for its input.
const idle = "# the first line\nimport json, os, sys\n%s\n" +
	"print('ready', flush=True)\nsys.stdin.readline()"

// waiting starts a program as a file, which ends waiting for its input.
func waiting(t *testing.T, program string, options ...string) *target.Process {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "program.py")
	text := strings.Replace(idle, "%s", program, 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
	// What was written just now looks as if it were changed while the program runs.
	time.Sleep(30 * time.Millisecond)
	argv := append(append([]string{}, options...), path, "word")
	return target.TalkTo(t, exec.Command(target.Debian, argv...))
}

// written makes an image, and opens it.
func written(t *testing.T, c *snapshot.Copy, o Options) (*Meta, *image.Image) {
	t.Helper()
	o.Output = filepath.Join(t.TempDir(), "image")
	m, err := Image(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	im, err := image.Open(o.Output)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	if err := im.Verify(func(uint64, uint64) {}); err != nil {
		t.Error(err)
	}
	return m, im
}

// An image tells of itself what the freeze has found, and fits its own world: until a variable, a
// source or the script is another.
func TestImageTells(t *testing.T) {
	p := waiting(t, "import wave\nclass Mine: pass\njson.mine = [Mine() for _ in range(7)]")
	c := copied.Of(t, p.PID())
	m, im := written(t, c, Options{})
	told, err := ReadMeta(im)
	if err != nil {
		t.Fatal(err)
	}
	if told.PID != p.PID() || told.Exe != target.Debian || !slices.Equal(told.Args, c.Start.Argv) ||
		!strings.HasPrefix(told.Python, "3.11") || told.Comm != "python3.11" || told.Cwd != c.Kernel.Cwd {
		t.Errorf("%+v", told)
	}
	mine := slices.IndexFunc(told.Types, func(n TypeCount) bool { return n.Name == "__main__.Mine" })
	if mine < 0 || told.Types[mine].Count != 7 || told.Objects < 10000 {
		t.Errorf("%d objects, of which Mine: %d", told.Objects, mine)
	}
	if !slices.ContainsFunc(told.Modules, func(i ModuleInfo) bool {
		return i.Name == "wave" && strings.HasSuffix(i.File, "/wave.py")
	}) {
		t.Error("a module is not told")
	}
	// It is in the last line.
	if len(told.Frames) != 1 || told.Frames[0].Function != "<module>" || told.Frames[0].Line != 7 {
		t.Errorf("frames: %+v", told.Frames)
	}
	if !slices.Equal(told.Runs, []string{"runs again", "goes on"}) || told.Refused != nil ||
		told.Kept != 1 {
		t.Errorf("runs %v, refused %v", told.Runs, told.Refused)
	}
	if len(m.Stages) != len(stages) || told.Bytes.Mapped == 0 || told.Bytes.Read == 0 {
		t.Errorf("%d stages, %+v", len(m.Stages), told.Bytes)
	}
	h, rest, err := stub.ReadProgram(im.Program())
	if err != nil || h.Base != uint64(c.Base) || len(rest) == 0 || h.NThreads != 1 || h.NOps == 0 {
		t.Errorf("the stub is told %+v, %v", h, err)
	}
	g, err := guard.Parse(im.Guards())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Check(c.Start.Environ); err != nil {
		t.Errorf("it does not fit its own world: %v", err)
	}
	var unfit *guard.UnfitError
	if err := g.Check(append(c.Start.Environ, "PYTHONHASHSEED=1")); !errors.As(err, &unfit) {
		t.Errorf("with another hash seed: %v", err)
	}
	script := c.Start.Argv[1]
	if err := os.WriteFile(script, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = g.Check(c.Start.Environ)
	if !errors.As(err, &unfit) || !strings.Contains(err.Error(), script) {
		t.Errorf("with another script: %v", err)
	}
}

// Which runs there are depends on the point and on what is in the way of each.
func TestRuns(t *testing.T) {
	hold := func(what string) *snapshot.Copy {
		return copied.Of(t, waiting(t, "import threading, subprocess, tempfile\n"+what).PID())
	}
	for name, c := range map[string]struct {
		copy    *snapshot.Copy
		o       Options
		runs    string
		refused string
	}{
		"a process": {hold(""), Options{}, "runs again, goes on", ""},
		"a lock": {hold("json.l = threading.Lock(); json.l.acquire()"), Options{}, "goes on",
			"a lock that is held"},
		"an allowed lock": {hold("json.l = threading.Lock(); json.l.acquire()"),
			Options{Allow: []string{"lock"}}, "runs again, goes on", ""},
		"a command at its exit": {command(t, "exit", target.Debian, "-c", "pass"),
			Options{Again: true, At: "exit"}, "runs again", ""},
		"a command at a function": {command(t, "__main__:f", target.Debian, "-c",
			"def f(): pass\nf()"), Options{At: "__main__:f"}, "goes on", ""},
		"-x": {copied.Of(t, waiting(t, "", "-x").PID()), Options{}, "goes on",
			"an interpreter that leaves out the first line of its program"},
	} {
		m, _ := written(t, c.copy, c.o)
		refused := ""
		for _, o := range m.Refused {
			refused += o.What
		}
		if got := strings.Join(m.Runs, ", "); got != c.runs || refused != c.refused {
			t.Errorf("%s: %s, refused for %q", name, got, refused)
		}
	}
}

// Where no run is left, there is no image, and all reasons are told.
func TestImageRefuses(t *testing.T) {
	c := copied.Of(t, waiting(t, "import subprocess, tempfile\n"+
		"json.d = tempfile.TemporaryDirectory()\n"+
		"json.c = subprocess.Popen(['sleep', '60'], stdin=-3, stdout=-3, stderr=-3)").PID())
	o := Options{Output: filepath.Join(t.TempDir(), "image")}
	_, err := Image(t.Context(), c, o)
	var refused *refuse.Error
	if !errors.As(err, &refused) || len(refused.Offenders) != 2 {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(o.Output); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is an image: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Image(ctx, c, o); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	c.Start.Argv = []string{target.Debian, "-q"}
	if _, err := Image(t.Context(), c, o); err == nil || err.Error() != "cannot freeze: "+
		guard.ErrNoScript.Error()+" (give the command of a script or module)" {
		t.Errorf("of standard input: %v", err)
	}
}

// framesOf returns the frames of the main thread, as its memory is now.
func framesOf(t *testing.T, f *freezing) []pyheap.Frame {
	t.Helper()
	h, err := pyheap.Open(f.copy.Space, f.copy.Interp, f.copy.Layout)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	frames, err := h.Frames(f.target.Tstate)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}
