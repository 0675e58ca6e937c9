package captured

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPatterns shows what a pattern covers: the place, what lies below it, and nothing that only
// begins the same.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"a.b", "sys.modules['a'].b", true}, {"a.b", "a.b", true}, {"a.b", "sys.modules['a'].b.c", true},
		{"a.b", "sys.modules['a'].b['k']", true}, {"a.b", "sys.modules['a'].bc", false},
		{"a.b", "sys.modules['xa'].b", false}, {"a.b", "sys.modules['a']", false}, {"a.b", "a_b", false},
		{"a.b['k']", "sys.modules['a'].b['k'][0]", true}, {"a.b['k']", "sys.modules['a'].b['l']", false},
		{"a.b[0]", "sys.modules['a'].b[0]", true}, {"a.b[0]", "sys.modules['a'].b0", false},
		{"*.__file__", "sys.modules['a.b'].__file__", true}, {"a*", "sys.modules['abc'].d", true},
		{"a.*", "sys.modules['a'].x.y", true}, {"a+.b", "sys.modules['aa'].b", false},
	} {
		if got := compilePatterns([]string{"x", c.pattern}).match(c.path); got != c.want {
			t.Errorf("%s covers %s: %t", c.pattern, c.path, got)
		}
	}
	if compilePatterns(nil).match("a") {
		t.Error("no pattern matches")
	}
}

// FuzzPatterns compiles what a recipe may say: none panics, and each without * covers its own
// place.
func FuzzPatterns(f *testing.F) {
	for _, p := range append([]string{"", "*", "a[", `\`, "(?P<", "a.b['\\'']"}, refreshed...) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		ps := compilePatterns([]string{p})
		plain := !strings.Contains(p, "sys.modules['") && !strings.Contains(p, "*")
		if plain && strings.ToValidUTF8(p, "") == p && !ps.match(p) {
			t.Errorf("%q does not cover itself", p)
		}
	})
}

// TestAsText compares with the interpreter: how it decodes odd bytes of the environment, with each
// lone surrogate shown as U+FFFD.
func TestAsText(t *testing.T) {
	for _, s := range []string{"", "plain", "ä€😀", "\xff", "a\xe4\xffb", "\xc3", "\xe2\x82",
		"\xed\xa0\x80", "\xf0\x9f\x98x"} {
		cmd := exec.Command("/usr/bin/python3.11", "-c", `import os, sys
t = os.environ["V"]
sys.stdout.buffer.write("".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in t).encode())`)
		cmd.Env = []string{"V=" + s, "LANG=C.UTF-8"}
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := asText(s); got != string(want) {
			t.Errorf("%q is shown as %q, Python has %q", s, got, want)
		}
	}
}

// TestNames tells places that are named as a variable is.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		path, what string
		want       bool
	}{
		{"m.encodingmode", "HGENCODINGMODE", true}, {"m.encoding_mode", "HGENCODINGMODE", true},
		{"m.pager", "PAGER", true}, {"m.other", "PAGER", false}, {"m.pager[0]", "PAGER", false},
		{"m.age", "PAGER", false}, {"pager", "PAGER", false}, {"m.editor", "VISUAL, EDITOR", true},
	} {
		if named(c.path, c.what) != c.want {
			t.Errorf("%s is named as %s: %t", c.path, c.what, !c.want)
		}
	}
}

// TestPlainWords sorts values that a program may have for itself from those that it hardly has.
func TestPlainWords(t *testing.T) {
	for word, want := range map[string]bool{
		"less": true, "utf-8": true, "/usr/bin/less": true, "/etc/ssl/cert.pem": true,
		"/home/me/x": false, "two words": false,
		"": false, "user@host": false, strings.Repeat("x", 24): true, strings.Repeat("x", 25): false,
		"/usr/": false, "less\n": false,
	} {
		if plainWord.MatchString(word) != want {
			t.Errorf("%q is a plain word: %t", word, !want)
		}
	}
	s := sourceWords{files: map[string]string{}, texts: map[string]string{}}
	dir := t.TempDir()
	for name, text := range map[string]string{"a.py": `x = 'less'`, "b.py": `x = "less"`,
		"c.py": "x = less", "d.txt": `'less'`} {
		path := filepath.Join(dir, name)
		s.files[name] = path
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := name[0] < 'c'
		if got := s.have([]string{"none", name}, "less"); got != want {
			t.Errorf("%s has the word: %t", name, got)
		}
	}
}

// TestRedact shows that no value of the launch is left in a path as a key, whatever it has in it.
func TestRedact(t *testing.T) {
	f := &Facts{keys: map[string]string{}}
	f.secret("'s3cr3t'", "TOKEN")
	f.secret(`'it\'s'`, "IT")
	for path, want := range map[string]string{
		"m['s3cr3t'].x": "m['<TOKEN>'].x", `m['it\'s']['s3cr3t']`: "m['<IT>']['<TOKEN>']",
		"m.s3cr3t": "m.s3cr3t",
	} {
		if got := f.redact(path); got != want {
			t.Errorf("%s is shown as %s", path, got)
		}
	}
}

// TestEachLine reads files of the target, which may be anything: it never waits, and reads only
// files.
func TestEachLine(t *testing.T) {
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("a\n\nb"), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan []string)
	go func() {
		var lines []string
		for _, path := range []string{fifo, dir, dir + "/none", "/dev/zero", file} {
			eachLine(path, func(l string) { lines = append(lines, l) })
		}
		done <- lines
	}()
	select {
	case lines := <-done:
		if strings.Join(lines, "|") != "a||b" {
			t.Errorf("the lines are %q", lines)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it waits for a writer")
	}
}

// TestRefreshed makes sure that the places of the standard library are written as paths are.
func TestRefreshed(t *testing.T) {
	place := regexp.MustCompile(`^[*\w]+(\.[*\w]+)*(\['\w+'\])?$`)
	for _, p := range refreshed {
		if !place.MatchString(p) {
			t.Errorf("%s is no place in a module", p)
		}
	}
}
