package restore_test

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the path that go.mod gives.
const module = "pyfreeze/"

// room is a package, and those of this module that it may import. A name that ends in /... stands
// for all below.
type room struct {
	name string
	may  []string
}

// rooms has every package once, each below those that it may import: an import that runs back has
// no place to be allowed in.
var rooms = []room{
	// What reads other processes and files, and knows nothing of freezing.
	{name: "procmem"},
	{name: "image"},
	{name: "tracer/inherit"},
	{"tracer", []string{"procmem"}},
	{"symbols", []string{"procmem"}},
	{"pyheap", []string{"procmem", "symbols"}},
	// What the launcher shares with Go, and what a thaw depends on.
	{name: "restore/stub"},
	{"restore/guard", []string{"image", "symbols"}},
	{"restore/thaw", []string{"image", "restore/guard", "restore/stub"}},
	// The freeze: copies, what is in them, what becomes of it.
	{"restore/libs", []string{"procmem", "symbols"}},
	{"restore/captured", []string{"pyheap", "restore/guard"}},
	{"restore/behind", []string{"pyheap"}},
	{"restore/script", []string{"pyheap", "restore/captured", "restore/guard"}},
	{"restore/prefix", []string{"procmem", "tracer"}},
	{"restore/snapshot", []string{"procmem", "pyheap", "restore/guard", "restore/prefix",
		"restore/stub", "symbols", "tracer"}},
	{"restore/memory", []string{"image", "procmem", "pyheap", "restore/snapshot", "restore/stub",
		"symbols"}},
	{"restore/refuse", []string{"procmem", "pyheap", "restore/libs", "restore/memory",
		"restore/snapshot", "restore/stub", "symbols"}},
	{"restore/freeze", []string{"image", "procmem", "pyheap", "restore/behind", "restore/captured",
		"restore/guard", "restore/libs", "restore/memory", "restore/prefix", "restore/refuse", "restore/script",
		"restore/snapshot", "restore/stub"}},
	{"restore", []string{"pyheap", "restore/behind", "restore/freeze", "restore/guard", "restore/prefix", "restore/refuse", "restore/script",
		"restore/snapshot", "symbols", "tracer"}},
	{"restore/launcher", []string{"restore", "restore/freeze", "restore/guard", "restore/stub",
		"restore/thaw"}},
	// Helpers of tests import what they like of the above.
	{"restore/internal/...", []string{"procmem", "image", "tracer", "symbols", "pyheap",
		"restore/...", "tracer/inherit"}},
	// The command and its tools.
	{name: "cmd/pyfreeze/internal/pty"},
	{"cmd/pyfreeze/...", []string{"procmem", "image", "tracer", "symbols", "pyheap", "restore/...",
		"restore", "cmd/pyfreeze/internal/...", "tracer/inherit"}},
	{"cmd/pyfreeze", []string{"cmd/pyfreeze/internal/pty", "image", "procmem", "pyheap", "restore",
		"restore/behind", "restore/captured", "restore/freeze", "restore/launcher", "restore/refuse", "restore/script",
		"restore/snapshot", "restore/thaw", "symbols", "tracer"}},
}

// never are packages that one must not come to, by whatever way: a thaw reads no heap and traces
// nothing, and what the launcher shares with Go is for those that freeze, not from them.
var never = []room{
	{"restore/thaw", []string{"pyheap", "tracer"}},
	{"restore/stub", []string{"restore/snapshot", "restore/memory", "restore/refuse"}},
	{"restore/guard", []string{"restore/snapshot", "restore/memory", "restore/refuse"}},
}

// covers says whether a package is the one that a name of the table stands for, or below it.
func covers(name, pkg string) bool {
	if below, ok := strings.CutSuffix(name, "..."); ok {
		return strings.HasPrefix(pkg, below)
	}
	return name == pkg
}

// imports reads which packages of this module the others import; tests apart.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, dir := range packageDirs(t) {
		p, err := build.Default.ImportDir(filepath.Join("..", dir), 0)
		if err != nil {
			t.Fatal(err)
		}
		out[dir] = []string{}
		for _, path := range p.Imports {
			if own, ok := strings.CutPrefix(path, module); ok {
				out[dir] = append(out[dir], own)
			}
		}
	}
	return out
}

// packageDirs lists the directories of the module that have Go code besides tests.
func packageDirs(t *testing.T) (out []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != ".." && (name == "testdata" || name[0] == '.' || name[0] == '_') {
			return fs.SkipDir
		}
		dir := strings.TrimPrefix(filepath.Dir(path), "../")
		code := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !d.IsDir() && code && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTopLevel shows that nothing but the parts of the project lies at its top.
func TestTopLevel(t *testing.T) {
	known := []string{".ci", ".git", ".gitignore", "bin", "CHANGELOG.md", "CONTRIBUTING.md",
		"LICENSE", "Makefile", "README.md", "cmd", "docs", "go.mod", "go.sum", "image", "procmem",
		"pyheap", "restore", "symbols", "testdata", "tracer"}
	list, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if !slices.Contains(known, e.Name()) {
			t.Errorf("%s does not belong there", e.Name())
		}
	}
}

// TestImports fails on an import that the table does not have, and on a package without a row.
func TestImports(t *testing.T) {
	graph := imports(t)
	if len(graph) < len(rooms) {
		t.Fatalf("%d packages were found, the table has %d rows", len(graph), len(rooms))
	}
	for pkg, all := range graph {
		i := slices.IndexFunc(rooms, func(r room) bool { return r.name == pkg })
		if i < 0 {
			i = slices.IndexFunc(rooms, func(r room) bool { return covers(r.name, pkg) })
		}
		if i < 0 {
			t.Errorf("package %s has no row in the table of rooms", pkg)
			continue
		}
		for _, imported := range all {
			if !slices.ContainsFunc(rooms[i].may, func(m string) bool { return covers(m, imported) }) {
				t.Errorf("%s imports %s: it may import %q only", pkg, imported, rooms[i].may)
			}
		}
	}
}

// TestRoomsAreLayers shows that the table itself allows nothing that runs back: each row names rows
// above it.
func TestRoomsAreLayers(t *testing.T) {
	above := map[string]bool{}
	for _, r := range rooms {
		for _, m := range r.may {
			if strings.HasSuffix(m, "...") && strings.HasSuffix(r.name, "...") {
				continue // groups of helpers and tools, which import each other
			}
			if !above[m] {
				t.Errorf("%s may import %s, which is not above it", r.name, m)
			}
		}
		above[r.name] = true
	}
}

// TestNeverReached shows that what must be kept apart is so, over all steps between.
func TestNeverReached(t *testing.T) {
	graph := imports(t)
	for _, n := range never {
		if graph[n.name] == nil {
			t.Errorf("there is no package %s", n.name)
		}
		for _, bad := range n.may {
			if way := path(graph, n.name, bad, map[string]bool{}); way != nil {
				t.Errorf("%s must not come to %s: %s", n.name, bad, strings.Join(way, " -> "))
			}
		}
	}
}

// TestPathIsFound makes sure that the search of TestNeverReached finds what is there.
func TestPathIsFound(t *testing.T) {
	graph := imports(t)
	if way := path(graph, "restore/launcher", "procmem", map[string]bool{}); len(way) < 3 {
		t.Errorf("the way from restore/launcher to procmem is %q", way)
	}
	if way := path(graph, "procmem", "restore", map[string]bool{}); way != nil {
		t.Errorf("there is a way back: %q", way)
	}
}

// path gives a way along imports.
func path(graph map[string][]string, from, to string, seen map[string]bool) []string {
	if from == to {
		return []string{to}
	}
	if seen[from] {
		return nil
	}
	seen[from] = true
	for _, next := range graph[from] {
		if rest := path(graph, next, to, seen); rest != nil {
			return append([]string{from}, rest...)
		}
	}
	return nil
}
