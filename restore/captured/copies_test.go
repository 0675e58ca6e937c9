package captured

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCopies finds what a module has copied whole: the arguments where they became a default, the
// environment anywhere. Of all else nobody knows whether it is meant to stay.
func TestCopies(t *testing.T) {
	p := run(t, `
def main(argv=sys.argv[1:], *, all=list(sys.argv)): pass
def other(argv=["first", "second"], part=sys.argv[2:], one=sys.argv[1]): pass
class Command:
    def run(self, argv=sys.argv[1:]): pass
argv = sys.argv[1:]
environ = dict(os.environ)
class Process: env = os.environ.copy()
more = dict(os.environ, MORE="1")
less = {k: v for k, v in os.environ.items() if k != "LANG"}
changed = dict(os.environ, TOKEN="other")
`, []string{"TOKEN=s3cr3t", "EMPTY="}, "first", "second")
	got := map[string]Copy{}
	for _, c := range Copies(p.heap, p.walk) {
		path := strings.TrimPrefix(c.Path, "sys.modules['app'].")
		got[path] = Copy{Environ: c.Environ, From: c.From}
	}
	want := map[string]Copy{
		"main.__defaults__[0]": {From: 1}, "main.__kwdefaults__['all']": {From: 0},
		"Command.run.__defaults__[0]": {From: 1}, "environ": {Environ: true},
		"Process.env": {Environ: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// What is filled anew is not told of as captured.
	for path := range p.find(t) {
		if strings.HasPrefix(path, ".environ") || strings.HasPrefix(path, ".Process.env") {
			t.Errorf("a copy that is filled anew is captured: %s", path)
		}
	}
}

// TestCopiesOfNothing has no arguments: an empty list is no copy of them.
func TestCopiesOfNothing(t *testing.T) {
	p := run(t, "def main(argv=sys.argv[1:], x=[]): pass\n", nil)
	if got := Copies(p.heap, p.walk); len(got) != 0 {
		t.Errorf("found %+v", got)
	}
}

// TestLocal finds modules below the working directory, and no others.
func TestLocal(t *testing.T) {
	p := run(t, "", nil)
	code := filepath.Join(filepath.Dir(p.cwd), "code")
	for cwd, local := range map[string]bool{
		code: true, filepath.Dir(code): true, p.cwd: false, code + "/app": false,
		code[:len(code)-1]: false,
		"/":                false, "/nowhere": false,
	} {
		got, err := Local(p.heap, cwd)
		if err != nil || (got != nil) != local || got != nil && *got != cwd {
			t.Errorf("%s: %v (%v), want %t", cwd, got, err, local)
		}
	}
}
