package restore

import (
	"testing"

	"pyfreeze/tracer"
)

// TestElsewhere moves a program to an empty directory where all that it reads would seem to lie
// below its own, and none that would find something else there.
func TestElsewhere(t *testing.T) {
	home := t.TempDir()
	below := t.TempDir()
	for _, c := range []struct {
		dir, home, path string
		argv            []string
		want            bool
	}{
		{home, home, "/usr/bin/tool", []string{"tool", "--help"}, true},
		{home, home + "/lies/below", "/usr/bin/tool", []string{"tool"}, true},
		{"/", below, "/usr/bin/tool", []string{"tool"}, true},
		{home, home, "/usr/bin/python3", []string{"python3", "/opt/app.py", "x"}, true},
		{home, home, "/usr/bin/python3", []string{"python3", "app.py"}, false},
		{home, home, "/usr/bin/python3.11", []string{"python3", "-m", "app"}, false},
		{home, home, "/usr/bin/python3.11", []string{"python3", "-c", "pass"}, false},
		{home, home, "./tool", []string{"./tool"}, false},
		{home, home + "else", "/usr/bin/tool", []string{"tool"}, false},
		{below, home, "/usr/bin/tool", []string{"tool"}, false},
	} {
		t.Chdir(c.dir)
		p := tracer.Program{Path: c.path, Argv: c.argv, Env: []string{"A=b", "HOME=" + c.home}}
		if got := elsewhere(p); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
		p.Dir = "/tmp"
		if elsewhere(p) {
			t.Errorf("%+v is moved from the directory that it was given", c)
		}
	}
}
