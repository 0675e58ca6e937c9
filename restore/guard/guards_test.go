package guard

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sampleGuards() *Guards {
	return &Guards{Exe: "/usr/bin/python3.11", Argv0: []string{"/usr/bin/python3", "-u"}, Script: []string{"/usr/bin/hg"}, Comm: "hg",
		CPU: CPU(), UTF8Mode: true, Gate: -123,
		Names: []string{"HGX", "LC_*"}, Env: map[string]string{"PYTHONHASHSEED": "0", "HGX": "/a=b", "LC_X": ""},
		Files: []File{{"/lib/x.so", 1, 2, 3, "abc", 0, 0}, {"/usr/x.py", 4, 5, 6, "", 7, 8}}}
}

func TestGuardsRoundTrip(t *testing.T) {
	g := sampleGuards()
	got, err := Parse(g.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(g, got); d != "" {
		t.Error(d)
	}
}

// Every cut of the Guards is noticed: what is left out could be the file that has changed.
func TestGuardsCut(t *testing.T) {
	b := sampleGuards().Encode()
	for n := range b {
		if _, err := Parse(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for whole", n, len(b))
		}
	}
	if _, err := Parse(append(b, 0)); err == nil {
		t.Error("a byte too many is not noticed")
	}
}

func FuzzParseGuards(f *testing.F) {
	f.Add(sampleGuards().Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Parse(b)
		if err != nil {
			return
		}
		if g.Exe == "" || len(g.Argv0) == 0 {
			t.Errorf("Guards without a command: %+v", g)
		}
	})
}

func TestGuardsCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.py")
	if err := os.WriteFile(file, []byte("x = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	id, err := Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"LANG=C.UTF-8", "PYTHONHASHSEED=0", "PYTHONIOENCODING=latin-1", "PYTHONPATH=", "GIVEN=1"}
	g := &Guards{Names: []string{"GIVEN", "MORE*"}, Env: Variables(env, []string{"GIVEN", "MORE*"}), CPU: CPU(), Files: []File{{Path: file, Size: id.Size, MtimeNs: id.MtimeNs, Ino: id.Ino, CtimeNs: id.CtimeNs}}}
	if err := g.Check(env); err != nil {
		t.Fatalf("nothing has changed: %v", err)
	}
	for name, other := range map[string][]string{
		"C locale":         {"LC_ALL=C", "PYTHONHASHSEED=0"},
		"no locale":        {"PYTHONHASHSEED=0"},
		"other value":      {"LANG=C.UTF-8", "PYTHONHASHSEED=1"},
		"variable missing": {"LANG=C.UTF-8"},
		"recipe's missing": {"LANG=C.UTF-8", "PYTHONHASHSEED=0"},
		"recipe's other":   {"LANG=C.UTF-8", "PYTHONHASHSEED=0", "GIVEN=2"},
		"recipe's more":    {"LANG=C.UTF-8", "PYTHONHASHSEED=0", "GIVEN=1", "MOREOVER="},
		"variable more":    {"LANG=C.UTF-8", "PYTHONHASHSEED=0", "PYTHONOPTIMIZE=1"},
	} {
		var unfit *UnfitError
		if err := g.Check(other); !errors.As(err, &unfit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Chtimes(file, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := g.Check(env); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a touched source file: %v", err)
	}
}

func TestUTF8Mode(t *testing.T) {
	for env, want := range map[string]bool{
		"": true, "LANG=C": true, "LANG=POSIX": true, "LANG=C.UTF-8": false, "LC_ALL=C LANG=de_DE.UTF-8": true,
		"LC_ALL= LC_CTYPE=en_US.UTF-8 LANG=C": false, "LC_CTYPE=C LANG=C.UTF-8": true,
	} {
		if got := UTF8Mode(strings.Fields(env)); got != want {
			t.Errorf("%q: %t", env, got)
		}
	}
}
