package restore_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOnlyTheCommandPrints shows that no package below the command writes to the standard streams:
// they belong to the user's command, which a freeze runs and a thaw becomes.
func TestOnlyTheCommandPrints(t *testing.T) {
	files := 0
	for _, dir := range packageDirs(t) {
		if strings.HasPrefix(dir, "cmd/") || strings.HasPrefix(dir, "restore/internal/") {
			continue // what may print, and helpers of tests
		}
		paths, _ := filepath.Glob(filepath.Join("..", dir, "*.go")) // the pattern is fine
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found, err := printing(path, string(b))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				t.Error(f)
			}
			files++
		}
	}
	if files < 100 {
		t.Errorf("only %d files were looked at", files)
	}
}

// printing lists where a Go file prints.
func printing(path, src string) (out []string, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	note := func(at token.Pos, what string) {
		out = append(out, fmt.Sprintf("%v: %s", set.Position(at), what))
	}
	for _, i := range file.Imports {
		if i.Path.Value == `"log"` || i.Path.Value == `"log/slog"` {
			note(i.Pos(), "imports "+i.Path.Value)
		}
	}
	streams := map[string][]string{
		"os": {"Stdout", "Stderr"}, "fmt": {"Print", "Printf", "Println"},
		"syscall": {"Stdout", "Stderr"}, "unix": {"Stdout", "Stderr"},
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if ok && slices.Contains(streams[pkg.Name], n.Sel.Name) {
				note(n.Pos(), "uses "+pkg.Name+"."+n.Sel.Name)
			}
		case *ast.CallExpr:
			fn, ok := n.Fun.(*ast.Ident)
			if ok && (fn.Name == "print" || fn.Name == "println") {
				note(n.Pos(), "calls "+fn.Name)
			}
		}
		return true
	})
	return out, nil
}

// TestPrintingIsFound makes sure that each way to print is seen, and that others are no such way.
func TestPrintingIsFound(t *testing.T) {
	for src, want := range map[string]int{
		`import "os"; func f() { os.Stdout.Write(nil) }`:        1,
		`import "os"; var w = os.Stderr`:                        1,
		`import "fmt"; func f() { fmt.Println(1); println(2) }`: 2,
		`import "log"`: 1,
		`import "fmt"; func f() string { return fmt.Sprint(1) }`: 0,
		`import "os"; func f() { os.Open("/dev/stdout") }`:       0,
	} {
		if got, err := printing("x.go", "package x\n"+src); err != nil || len(got) != want {
			t.Errorf("%s: got %q (%v), want %d findings", src, got, err, want)
		}
	}
}
