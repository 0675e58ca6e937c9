package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rewriter has a file mapped, and writes to it without the kernel's noticing when: of a page that
// is written to already the times stay what they are.
type rewriter struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startRewriter(t *testing.T, path string) *rewriter {
	t.Helper()
	cmd := exec.Command(python, "-c", `
import mmap, sys
f = open(sys.argv[1], 'r+b')
m = mmap.mmap(f.fileno(), 0)
m[0] = m[0]
print('mapped', flush=True)
for line in sys.stdin:
    old, new = line.split()
    at = m.find(old.encode())
    m[at:at + len(old)] = new.encode()
    print('written', flush=True)
`, path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &rewriter{in, bufio.NewReader(out)}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	r.await(t)
	return r
}

func (r *rewriter) await(t *testing.T) {
	t.Helper()
	if _, err := r.out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
}

// write puts text in the place of another of the same length.
func (r *rewriter) write(t *testing.T, from, to string) {
	t.Helper()
	if _, err := io.WriteString(r.in, from+" "+to+"\n"); err != nil {
		t.Fatal(err)
	}
	r.await(t)
}

// inMemory is a directory on a file system that writes no pages back, where there is one.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pyfreeze-test-")
	if err != nil {
		return tempDir(t)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestStrict changes what is in a file of a program, whose size, inode and times stay the same:
// what was taken for the same is told by a strict thaw, and by a strict image.
func TestStrict(t *testing.T) {
	for _, name := range []string{"prog.py", "module.py", "data.txt"} {
		h, dir := newHome(t), inMemory(t)
		at := func(name string) string { return filepath.Join(dir, name) }
		write := func(name, text string) {
			if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("data.txt", "data-1\n")
		write("module.py", "X = 'module-1'\n")
		write("prog.py", "import sys, module\nD = open('"+at("data.txt")+"').read().strip()\n"+
			"def main():\n    print('prog-1', D, module.X, sys.argv[1:])\nmain()\n")
		h.env = append(h.env, "PYTHONDONTWRITEBYTECODE=1")
		r := startRewriter(t, at(name))
		for image, flags := range map[string][]string{"usual": nil, "strict": {"--strict"}} {
			h.run(append(append([]string{binary, "freeze", "-o", image}, flags...), "--", python, at("prog.py"))...).must(t, "exit 0")
		}
		before, err := os.Stat(at(name))
		if err != nil {
			t.Fatal(err)
		}
		old := h.run(python, at("prog.py"), "x")
		word := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
		log := newRunLog(t)
		h.run(log.env(), binary, "run", "strict", "x").must(t, "exit 0")
		log.thawed(t, 1)
		r.write(t, word+"-1", word+"-2")
		if after, err := os.Stat(at(name)); err != nil || !after.ModTime().Equal(before.ModTime()) {
			t.Skip("this file system notices when a mapped file is written to")
		}
		now := h.run(python, at("prog.py"), "x").must(t, "exit 0")
		if now.Stdout == old.Stdout {
			t.Fatalf("%s was not changed: %v", name, now)
		}
		for _, c := range []struct {
			argv []string
			want string
		}{
			{[]string{"run", "usual", "x"}, old.Stdout}, // as far as times tell
			{[]string{"run", "--strict", "usual", "x"}, now.Stdout},
			{[]string{"run", "strict", "x"}, now.Stdout},
		} {
			log := newRunLog(t)
			if o := h.run(append([]string{log.env(), binary}, c.argv...)...); o.Stdout != c.want {
				t.Errorf("%s, %q: %v, want %q", name, c.argv, o, c.want)
			}
			why := ""
			if c.want == now.Stdout {
				why = name + " has changed since"
			}
			log.one(t, why)
		}
	}
}

// TestByteCode changes byte code that nobody compares with a source: there is none, or it says so
// of itself. Where it is compared, a strict image tells all the same.
func TestByteCode(t *testing.T) {
	const compile = "import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2], doraise=True, " +
		"invalidation_mode=py_compile.PycInvalidationMode[sys.argv[3]])"
	for _, c := range []struct{ name, to, mode, flag string }{
		{"no source", "lib/mod.pyc", "TIMESTAMP", "--no-recipe"},
		{"unchecked", "lib/__pycache__/mod.cpython-311.pyc", "UNCHECKED_HASH", "--no-recipe"},
		{"strict", "lib/__pycache__/mod.cpython-311.pyc", "CHECKED_HASH", "--strict"},
	} {
		h := newHome(t)
		h.write("prog.py", "import sys\nsys.path.insert(0, '"+h.dir+"/lib')\nimport mod\n"+
			"def main():\n    print(mod.X, sys.argv[1:])\nmain()\n")
		h.write("other/mod.py", "X = 'old'\n")
		h.write("lib/x", "")
		if c.to != "lib/mod.pyc" {
			h.write("lib/mod.py", "X = 'old'\n")
		}
		compiled := func() { h.run(python, "-c", compile, "other/mod.py", c.to, c.mode).must(t, "exit 0") }
		compiled()
		h.run(binary, "freeze", c.flag, "-o", "i", "--", python, filepath.Join(h.dir, "prog.py")).must(t, "exit 0")
		log := newRunLog(t)
		h.run(log.env(), binary, "run", "i", "x").must(t, "exit 0")
		log.thawed(t, 1)
		h.write("other/mod.py", "X = 'new'\n")
		compiled()
		plain := h.run(python, filepath.Join(h.dir, "prog.py"), "x").must(t, "exit 0")
		got := h.run(binary, "run", "-v", "i", "x").must(t, "exit 0")
		if got.Stdout != plain.Stdout || !strings.Contains(got.Stderr, filepath.Base(c.to)+" has changed since") {
			t.Errorf("%s: %v, plain %v", c.name, got, plain)
		}
	}
}

// TestInstallStrict has strict images behind a launcher, also in the place of others.
func TestInstallStrict(t *testing.T) {
	h := newHome(t)
	h.write("bin/prog", "#!"+python+"\nimport sys\ndef main():\n    print(sys.argv[1:])\nmain()\n")
	if err := os.Chmod(filepath.Join(h.bin, "prog"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--strict"}} {
		h.run(append([]string{binary, "install", "prog"}, flags...)...).must(t, "exit 0")
		b, err := os.ReadFile(filepath.Join(h.launchers, "prog"))
		if err != nil || strings.Contains(string(b), "\n# strict: yes\n") != (flags != nil) {
			t.Errorf("install %v writes %s, %v", flags, b, err)
		}
		if o := h.run("prog", "a"); o.Stdout != "['a']\n" {
			t.Errorf("%v: %v", flags, o)
		}
		images, _ := filepath.Glob(filepath.Join(h.dir, ".cache/pyfreeze/prog/*.pyfreeze"))
		if len(images) != 1 {
			t.Fatalf("images: %q", images)
		}
		strict := h.run(binary, "info", "--json", images[0]).must(t, "exit 0").Stdout
		if strings.Contains(strict, `"strict":true`) != (flags != nil) {
			t.Errorf("the image of install %v: %.2000s", flags, strict)
		}
	}
}
