package launcher

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pyfreeze/restore/internal/target"
)

// full is a launcher that says everything.
var full = File{Pyfreeze: "/opt/pyfreeze", Name: "tool", Program: "/usr/bin/tool",
	Cache: "/var/cache/x", Env: []string{"A", "B*"}, Warm: []string{"-x 'a b'", "", "y: z"},
	WarmEnv: []string{"N=1", "M=", "P=a: b"}, Recipe: "/etc/r.py", At: "m.n:C.f"}

// write writes a launcher into a directory.
func write(t *testing.T, dir string, l File) *File {
	t.Helper()
	b, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	l.Path = filepath.Join(dir, l.Name)
	if err := os.WriteFile(l.Path, b, 0o700); err != nil {
		t.Fatal(err)
	}
	return &l
}

// What is written is read back as it was.
func TestReadBack(t *testing.T) {
	small := File{Pyfreeze: "/p", Name: "a", Program: "a", Cache: UserCache}
	for _, l := range []File{full, small} {
		want := write(t, t.TempDir(), l)
		got, err := Read(want.Path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
}

// A launcher that would not be read back as it is, or that the kernel could not run, is not made.
func TestTextRefuses(t *testing.T) {
	for name, change := range map[string]func(l *File){
		"blank in the path":     func(l *File) { l.Pyfreeze = "/opt/py freeze" },
		"relative path":         func(l *File) { l.Pyfreeze = "pyfreeze" },
		"long path":             func(l *File) { l.Pyfreeze = "/" + strings.Repeat("p", 200) },
		"no name":               func(l *File) { l.Name = "" },
		"name with a directory": func(l *File) { l.Name = "a/b" },
		"name above":            func(l *File) { l.Name = ".." },
		"relative program":      func(l *File) { l.Program = "bin/tool" },
		"no program":            func(l *File) { l.Program = "" },
		"relative cache":        func(l *File) { l.Cache = "cache" },
		"lines in a warm-up":    func(l *File) { l.Warm = []string{"a\n# name: b"} },
		"lines in the program":  func(l *File) { l.Program = "/a\n# name: b" },
		"lines in a variable":   func(l *File) { l.WarmEnv = []string{"A=\n"} },
		"lines in At":           func(l *File) { l.At = "a:b\nc" },
		"a NUL":                 func(l *File) { l.Recipe = "/a\x00" },
		"too long":              func(l *File) { l.Warm = []string{strings.Repeat("w", maxFile)} },
	} {
		l := full
		change(&l)
		if b, err := l.Text(); err == nil {
			t.Errorf("%s: %s", name, b)
		}
	}
	l := full // the longest that is read is made
	b, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	l.Warm = append(l.Warm, strings.Repeat("w", maxFile-len(b)-len("# warm: \n")))
	if _, err := Read(write(t, t.TempDir(), l).Path); err != nil {
		t.Errorf("of 8 KiB: %v", err)
	}
}

// Other files are no launchers, and the error says so: what is beside one on PATH may be anything.
func TestReadRefuses(t *testing.T) {
	good, err := full.Text()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":       "",
		"a script":      "#!/bin/sh\necho\n",
		"no marker":     strings.Replace(string(good), marker, "# pyfreeze launcher 2", 1),
		"marker inside": "#!/bin/sh\n echo '" + marker + "'\n",
		"too long":      string(good) + strings.Repeat("#\n", maxFile/2),
		"no name":       strings.Replace(string(good), "# name: tool\n", "", 1),
		"bad name":      strings.Replace(string(good), "# name: tool\n", "# name: ../x\n", 1),
		"bad program":   strings.Replace(string(good), "# program: /usr", "# program: usr", 1),
		"bad cache":     strings.Replace(string(good), "# cache: /var", "# cache: var", 1),
	} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		var not *NotLauncherError
		if !errors.As(err, &not) || not.Path != path || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var not *NotLauncherError
	if _, err := Read(t.TempDir()); !errors.As(err, &not) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

// Whatever is in a file: what is read of it has a name that stays in its directory, and is written
// again as the same.
func FuzzRead(f *testing.F) {
	good, err := full.Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("#!/p launch\n" + marker + "\n# name: a\n# program: a\n# cache: user\n"))
	f.Add([]byte("\n" + marker + "\n# name: ..\n# program: /\n# cache: /\n# env: \xff  A\n"))
	f.Add(bytes.Repeat([]byte("\n"+marker), 400))
	path := filepath.Join(f.TempDir(), "l")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Read(path)
		if err != nil {
			return
		}
		if filepath.Base(l.Name) != l.Name || filepath.Join("/c", l.Name) == "/" {
			t.Errorf("its name is %q", l.Name)
		}
		text, err := l.Text()
		if err != nil {
			return // of a path that the kernel would not run
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Read(path)
		if err != nil {
			t.Fatalf("it is not read back: %v", err)
		}
		if diff := cmp.Diff(l, again, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

// Started by Python, a launcher runs the program itself in that interpreter, wherever that is,
// and not itself.
func TestRunByPython(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	const program = "import sys\nprint('program', sys.argv[0] == __file__, sys.argv[1:], " +
		"__name__, __file__)"
	odd := filepath.Join(bin, "it's a \\tool\" ä")
	for _, path := range []string{odd, filepath.Join(bin, "tool")} {
		if err := os.WriteFile(path, []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{odd: odd, "tool": filepath.Join(bin, "tool")} {
		l := write(t, dir, File{Pyfreeze: "/p", Name: "tool", Program: name, Cache: UserCache})
		cmd := exec.Command(target.Debian, l.Path, "word")
		cmd.Env = []string{"PATH=" + dir + ":/nowhere:" + bin, "LC_ALL=C.UTF-8"}
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != "program True ['word'] __main__ "+want+"\n" {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	l := write(t, dir, File{Pyfreeze: "/p", Name: "tool", Program: "tool", Cache: UserCache})
	cmd := exec.Command(target.Debian, l.Path)
	cmd.Env = []string{"PATH=" + dir}
	if out, err := cmd.CombinedOutput(); err == nil || string(out) != "tool: not found on PATH\n" {
		t.Errorf("with itself alone on PATH: %v %s", err, out)
	}
}

// Every word comes back from a line that quotes it, as from a shell's.
func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{"a b", `'a' "b\"" \c`, `"$x"`, "'", `a\`, "\t\n", `"\\`, `''""`} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
		got, err := SplitWords(quoted(a) + " \t" + quoted(b))
		if diff := cmp.Diff([]string{a, b}, got); diff != "" || err != nil {
			t.Errorf("%s %v", diff, err)
		}
		words, err := SplitWords(a)
		if err != nil {
			return
		}
		n := 0
		for _, w := range words {
			n += len(w)
		}
		if n > len(a) {
			t.Errorf("%q becomes %q", a, words)
		}
	})
}
