package freeze

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestLinksOn follows links as the kernel does, and not for ever.
func TestLinksOn(t *testing.T) {
	d, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(d+"/v1/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"cur": "v1", "deep": "cur/bin", "v1/bin/up": "../..", "abs": d + "/deep", "loop": "loop", "v1/bin/p": "x.py",
	} {
		if err := os.Symlink(target, filepath.Join(d, name)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string][]string{
		"v1/bin/x.py": nil, "cur/bin/x.py": {"cur"}, "abs/x.py": {"abs", "deep", "cur"},
		"v1/bin/up/cur/bin/p": {"v1/bin/up", "cur", "v1/bin/p"}, "absent/cur": nil,
	} {
		got := linksOn(filepath.Join(d, path))
		for i := range want {
			want[i] = filepath.Join(d, want[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if n := len(linksOn(d + "/loop/x")); n != 40 {
		t.Errorf("a loop has %d links", n)
	}
	if got := linksOn("cur"); got != nil {
		t.Errorf("a relative path: %q", got)
	}
}
