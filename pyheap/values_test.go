package pyheap

import (
	"fmt"
	"strings"
	"testing"
)

// TestValues compares what is read from outside with what the interpreter prints: values by Lookup and
// Repr, frames and their lines, modules, threads.
func TestValues(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg := start(t, python, testdata("values.py"))
			h := tg.heap
			threads, err := h.Threads()
			if err != nil || len(threads) != 1 || !threads[0].IsMain {
				t.Fatalf("threads %+v, %v", threads, err)
			}
			frames, err := h.Frames(threads[0].Addr)
			if err != nil || len(frames) == 0 {
				t.Fatalf("%d frames, %v", len(frames), err)
			}
			checkFrames(t, h, frames, tg.lines)
			modules, err := h.Modules()
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for _, line := range tg.lines {
				kind, rest, _ := strings.Cut(line, " ")
				switch kind {
				case "E":
					checkExpr(t, h, rest)
				case "M":
					var name string
					var a uint64
					fmt.Sscanf(rest, "%s 0x%x", &name, &a)
					if seen >= len(modules) || modules[seen].Name != name || modules[seen].Addr != Addr(a) {
						t.Fatalf("module %d is %s at %#x", seen, name, a)
					}
					seen++
				case "T":
					var id, native uint64
					fmt.Sscanf(rest, "%d %d", &id, &native)
					if threads[0].ThreadID != id || threads[0].NativeID != native && h.atLeast(11) {
						t.Errorf("thread %+v, want %d, %d", threads[0], id, native)
					}
				}
			}
			if seen == 0 || seen != len(modules) {
				t.Errorf("%d modules, want %d", len(modules), seen)
			}
		})
	}
}

func checkExpr(t *testing.T, h *Heap, line string) {
	expr, want, _ := strings.Cut(line, " ")
	a, err := h.Lookup("__main__." + expr)
	if err != nil {
		t.Error(err)
		return
	}
	if got := ascii(h.Repr(a, -1)); got != want {
		t.Errorf("%s is %s, want %s", expr, got, want)
	}
}

// ascii escapes as Python's function of that name does.
func ascii(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c < 0x80:
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	return b.String()
}

func checkFrames(t *testing.T, h *Heap, frames []Frame, lines []string) {
	i := 0
	for _, line := range lines {
		var name string
		var n int
		if _, err := fmt.Sscanf(line, "F %s %d", &name, &n); err != nil {
			continue
		}
		if i >= len(frames) {
			t.Fatalf("%d frames only; missing %s", len(frames), line)
		}
		f := frames[i]
		if i == 0 {
			n = 70 // it went on after it printed
		}
		if f.Name != name || f.Line != n || !strings.HasSuffix(f.File, "testdata/values.py") {
			t.Errorf("frame %d is %s in %s:%d, want %s", i, f.Name, f.File, f.Line, line)
		}
		i++
	}
	if i != len(frames) {
		t.Errorf("%d frames, want %d", len(frames), i)
	}
	got := map[string]string{}
	for _, l := range frames[0].Locals {
		got[l.Name] = h.Repr(l.Value, 40)
	}
	for name, want := range map[string]string{"x": "'the value'", "args": "(1, 2)", "key": "'kw'",
		"local": "['the value']", "inner": "[1, 2]"} {
		if got[name] != want {
			t.Errorf("local %s is %q, want %q", name, got[name], want)
		}
	}
}

func TestLookupErrors(t *testing.T) {
	h := start(t, python311, testdata("values.py")).heap
	for path, want := range map[string]string{
		"":                     "cannot be parsed",
		"nowhere":              "no module of that name",
		"__main__.nope":        ".nope",
		"__main__.text[99]":    "no such item",
		"__main__.text['x']":   "no such item",
		"__main__.nest['x']":   "no such item",
		"__main__.a[0]":        "no items that can be read",
		"__main__.text[":       "cannot be parsed",
		"__main__.text['":      "cannot be parsed",
		"__main__.text[b":      "cannot be parsed",
		"__main__..x":          "cannot be parsed",
		"__main__.text]":       "cannot be parsed",
		"__main__.text[0]junk": "cannot be parsed",
	} {
		if a, err := h.Lookup(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v; want an error with %q", path, a, err, want)
		}
	}
	if got := h.Repr(mustLookup(t, h, "__main__.nest"), 10); got != "{'l': [..." {
		t.Errorf("cut repr is %q", got)
	}
	if got := h.Repr(0x1000, 40); got != "<no object at 0x1000>" {
		t.Errorf("repr of nothing is %q", got)
	}
}

func mustLookup(t testing.TB, h *Heap, path string) Addr {
	t.Helper()
	a, err := h.Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
