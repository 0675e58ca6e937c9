package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestInspectHeap asks a process and its core file what takes the memory.
func TestInspectHeap(t *testing.T) {
	for _, py := range inspectedPythons(t) {
		dir := tempDir(t)
		tg, err := startProgram(program("hoard.py"), "", targetOptions{python: py, dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tg.kill() }) // it may have ended
		pid := strconv.Itoa(tg.pid())
		prefix := filepath.Join(dir, "gcore")
		run(t, command{argv: []string{"gcore", "-o", prefix, pid}}).must(t, "exit 0")
		for _, by := range []string{"type", "module", "root", "allocator"} {
			if py != python && by != "type" {
				continue
			}
			args := []string{"--json", "--by", by, "--retained", "--suspects", "--duplicates",
				"--fill", "--limit", "0"}
			ask := func(target string) (h shownHeap) {
				o := pyfreeze(t, append([]string{"inspect", "heap", target}, args...)...).must(t,
					"exit 0")
				if err := json.Unmarshal([]byte(o.Stdout), &h); err != nil {
					t.Fatal(err)
				}
				return h
			}
			h, core := ask(pid), ask(prefix+"."+pid)
			if h.Objects != core.Objects || h.Bytes != core.Bytes || !slices.Equal(h.Rows,
				core.Rows) {
				t.Errorf("%s, by %s: %d objects of %d bytes, in the core %d of %d", py, by,
					h.Objects, h.Bytes, core.Objects, core.Bytes)
			}
			if by == "type" {
				hoards(t, py, &h)
			}
		}
		text := pyfreeze(t, "inspect", "heap", pid, "--retained", "--suspects", "--duplicates",
			"--fill").must(t, "exit 0").Stdout
		for _, want := range []string{"retained  type\n", "keep most alive",
			"where memory has gathered", "equal strings", "room in containers", "allocators have"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", py, want, text)
			}
		}
	}
}

// hoards looks for what hoard.py has hoarded.
func hoards(t *testing.T, py string, h *shownHeap) {
	t.Helper()
	i := slices.IndexFunc(h.Rows, func(r shownHeapRow) bool { return r.Name == "__main__.Order" })
	if i < 0 || h.Rows[i].Objects != 20000 || h.Rows[i].Retained < 20000*1000 ||
		h.Rows[i].Retained > 20000*1500 {
		t.Errorf("%s: orders %d: %+v", py, i, h.Rows)
	}
	if !slices.ContainsFunc(h.Suspects, func(x shownHolder) bool {
		return x.Path == "sys.modules['__main__'].cache" && x.Most.Name == "builtins.bytes" &&
			x.Objects > 40000
	}) {
		t.Errorf("%s: suspects %+v", py, h.Suspects)
	}
	if len(h.Duplicates.Most) == 0 || h.Duplicates.Most[0].Count != 5000 ||
		h.Duplicates.Most[0].Repr != "'the same text again'" {
		t.Errorf("%s: duplicates %+v", py, h.Duplicates.Most)
	}
	if len(h.Fill) == 0 || h.Fill[0].Path != "sys.modules['__main__'].sparse" {
		t.Errorf("%s: fill %+v", py, h.Fill)
	}
	if m := h.Memory; m.Live != m.Known+m.Opaque+m.Unreached || m.Ranges < m.Live/2 ||
		m.Known < m.Live/2 {
		t.Errorf("%s: %+v", py, m)
	}
}

// TestInspectHeapUsage: what cannot be asked is said in one line.
func TestInspectHeapUsage(t *testing.T) {
	for _, args := range [][]string{{"--by", "colour"}, {"--sort", "retained"}, {"--match", "["},
		{"--limit", "-1"}, {"--share", "2"}} {
		pyfreeze(t, append([]string{"inspect", "heap", "1"}, args...)...).must(t,
			"exit 2").oneLine(t, args[0])
	}
}
