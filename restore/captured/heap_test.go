package captured

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/pyheap"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/copied"
	"pyfreeze/restore/internal/target"
)

// program is a Python program with one module, app, which has run.
type program struct {
	pid     int
	cwd     string
	cmdline guard.Cmdline
	environ []string
	heap    *pyheap.Heap
	walk    *pyheap.Walk
}

// run starts a program whose module app has a text, with variables and arguments, and reads its
// heap.
func run(t *testing.T, app string, environ []string, args ...string) *program {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cwd: filepath.Join(dir, "work"), environ: append(environ, "LANG=C.UTF-8")}
	main := filepath.Join(dir, "code", "main.py")
	for path, text := range map[string]string{
		main:                           "import app, time\nprint('ready', flush=1)\ntime.sleep(60)\n",
		filepath.Dir(main) + "/app.py": "import os, sys\n" + app,
		filepath.Join(p.cwd, ".keep"):  "",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/usr/bin/python3.11", append([]string{"-B", main}, args...)...)
	cmd.Dir, cmd.Env = p.cwd, p.environ
	p.pid = target.Run(t, cmd)
	if p.cmdline, err = guard.ParseCmdline(cmd.Args); err != nil {
		t.Fatal(err)
	}
	p.read(t)
	return p
}

// read copies the process and walks its heap.
func (p *program) read(t *testing.T) {
	t.Helper()
	c := copied.Of(t, p.pid)
	var err error
	if p.heap, err = pyheap.Open(c.Space, c.Interp, c.Layout); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.heap.Close() })
	stacks := []pyheap.Addr{pyheap.Addr(c.Threads[0].Regs.Rsp)}
	if p.walk, err = p.heap.Walk(pyheap.WalkOptions{Stacks: stacks}); err != nil {
		t.Fatal(err)
	}
}

func (p *program) facts() *Facts { return ReadFacts(p.pid, p.cwd, p.cmdline, p.environ, p.heap) }

// find gives what of app is found, by the path below it.
func (p *program) find(t *testing.T, fixes ...string) map[string]Value {
	t.Helper()
	found, err := Find(p.heap, p.walk, p.facts(), fixes, Copies(p.heap, p.walk))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Value{}
	for _, v := range found {
		if path, ok := strings.CutPrefix(v.Path, "sys.modules['app']"); ok {
			if old, ok := out[path]; ok {
				t.Errorf("%s is told twice: %+v and %+v", path, old, v)
			}
			out[path] = v
		}
	}
	return out
}
