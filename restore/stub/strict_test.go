package stub_test

import (
	"os"
	"path/filepath"
	"testing"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/parity"
)

// TestStrict compares what C and Go make of a file that is another in one respect, with and without
// a look at what is in it.
func TestStrict(t *testing.T) {
	d := parity.Start(t)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("what is in it"), 0o600); err != nil {
		t.Fatal(err)
	}
	id, err := guard.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	source := guard.Source(path, id)
	library := guard.File{Path: path, Size: id.Size, MtimeNs: id.MtimeNs, Ino: id.Ino, BuildID: "x"}
	summed := []guard.File{library}
	guard.Sums(summed, false)
	if summed[0].Sum != source.Sum || source.Sum == 0 {
		t.Fatalf("sums of a library and a source: %#x, %#x", summed[0].Sum, source.Sum)
	}
	for _, c := range []struct {
		name            string
		file            guard.File
		change          func(*guard.File)
		usually, strict bool
	}{
		{"as it was", source, func(*guard.File) {}, true, true},
		{"another content", source, func(f *guard.File) { f.Sum++ }, true, false},
		{"another inode", source, func(f *guard.File) { f.Ino++ }, true, true},
		{"another inode and content", source, func(f *guard.File) { f.Ino++; f.Sum++ }, false, false},
		{"another time", source, func(f *guard.File) { f.MtimeNs++ }, false, false},
		{"no sum", source, func(f *guard.File) { f.Sum = 0 }, true, true},
		{"no sum and another inode", source, func(f *guard.File) { f.Sum, f.Ino = 0, 0 }, false, false},
		{"a library", summed[0], func(*guard.File) {}, true, true},
		{"a library without a sum", library, func(*guard.File) {}, true, true},
		{"a library with another content", summed[0], func(f *guard.File) { f.Sum++ }, true, false},
	} {
		for strict, want := range map[bool]bool{false: c.usually, true: c.strict} {
			g := whole()
			g.Files, g.Strict = []guard.File{c.file}, strict
			c.change(&g.Files[0])
			env := []string{"A=1", "BC="}
			got := judge(d, g.Encode(), "", nil, env)
			err := g.Check(env)
			if (got.State == "fits") != want || (err == nil) != want {
				t.Errorf("%s, strict %t: C says %+v, Go %v; want %t", c.name, strict, got, err, want)
			}
		}
	}
}
