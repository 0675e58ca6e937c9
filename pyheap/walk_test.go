package pyheap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pythons gives the interpreters to test: the system's, and those that pyenv installed.
func pythons(t *testing.T) []string {
	out := []string{python311}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Logf("no home directory, so only %s: %v", python311, err)
		return out
	}
	more, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.*/bin/python3"))
	if len(more) == 0 {
		t.Logf("no interpreters of pyenv, so only %s", python311)
	}
	for _, p := range more {
		v := filepath.Base(filepath.Dir(filepath.Dir(p)))
		if !strings.HasPrefix(v, "3.6.") && !strings.HasPrefix(v, "3.7.") { // not supported
			out = append(out, p)
		}
	}
	return out
}

// TestWalkFindsEverything compares the walk with what the interpreter says of itself.
func TestWalkFindsEverything(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			checkCensus(t, start(t, python, testdata("census.py")))
		})
	}
}

func checkCensus(t *testing.T, tg *target) {
	w := tg.walk(t)
	var missing, badType, badSize, n int
	complain := func(count *int, format string, args ...any) {
		if *count++; *count <= 20 {
			t.Errorf(format, args...)
		}
	}
	for _, line := range tg.lines {
		var a, size uint64
		var name string
		if _, err := fmt.Sscanf(line, "%x %s %d", &a, &name, &size); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		n++
		o, ok := w.Find(Addr(a))
		switch {
		case !ok:
			complain(&missing, "not found: %s", line)
		case o.TypeName != name:
			complain(&badType, "%s: type is %s", line, o.TypeName)
		case name == "builtins.int" && o.Size == 24 && size == 28: // 0 takes a digit since 3.11.4
		case otherSizes[name] == "" && o.Size != size:
			complain(&badSize, "%s: size is %d", line, o.Size)
		}
	}
	t.Logf("%d objects in the target, %d in the walk; %d missing, %d of another type, %d of another size",
		n, w.Objects(), missing, badType, badSize)
	if n < 20000 {
		t.Errorf("the target told of %d objects only", n)
	}
}
