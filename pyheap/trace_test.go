package pyheap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestTrace checks that all holders of an object are found, along paths that avoid a module.
func TestTrace(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) { checkTrace(t, start(t, python, testdata("traced.py"))) })
	}
}

func checkTrace(t *testing.T, tg *target) {
	w := tg.walk(t)
	at, names := map[string]Addr{}, map[Addr]string{}
	want := map[Addr]bool{}
	for _, line := range tg.lines {
		var name string
		var a uint64
		if _, err := fmt.Sscanf(line, "%s 0x%x", &name, &a); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		at[name], names[Addr(a)], want[Addr(a)] = Addr(a), name, true
	}
	values := map[string]string{}
	w.EachValue(100, func(v Value) {
		if n := names[v.Addr]; n != "" {
			values[n] = fmt.Sprintf("%s %t %d %q %t", v.TypeName, v.IsInt, v.Int, v.Text, v.Interned)
		}
	})
	wantValues := map[string]string{"held": `builtins.str false 0 "held: 1" false`, "number": `builtins.int true 123456790 "" false`,
		"raw": `builtins.bytearray false 0 "held: 1" false`, "constant": values["constant"]}
	if fmt.Sprint(values) != fmt.Sprint(wantValues) {
		t.Errorf("values %v, want %v", values, wantValues)
	}
	for _, without := range [][]string{nil, {"__main__"}} {
		tr, err := w.Trace(TraceOptions{Without: without, Want: want})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		for _, r := range tr.References() {
			path := strings.TrimPrefix(tr.Path(r), "sys.modules['other'].")
			switch {
			case r.Constant:
				path += " (constant)"
			case r.To == at["number"]:
				path += fmt.Sprintf(" of %d", r.Ints)
			}
			if n := names[r.To]; !strings.Contains(path, "__main__") {
				got[n] = append(got[n], path)
			} else if without != nil {
				t.Errorf("%s is found at %s", n, path)
			} else {
				got[n] = append(got[n], "main")
			}
			if !slices.Contains(tr.Modules(r), "other") && !slices.Contains(tr.Modules(r), "__main__") {
				t.Errorf("modules on the path %s: %v", path, tr.Modules(r))
			}
		}
		wantPaths := map[string][]string{
			"held":     {"direct", "box[1][0]", "closure.__closure__[0].cell_contents", "same['held: 1']", "closure.__globals__['held']"},
			"number":   {"number['n'] of 1", "number['many'][20] of 21", "closure.__globals__['number'] of 1"},
			"raw":      {"raw[b'r']", "closure.__globals__['raw']"},
			"constant": {"constant.co_consts[0] (constant)"},
		}
		for n, paths := range wantPaths {
			// The module that is avoided is reached through a function of it, too.
			if i := slices.IndexFunc(paths, func(p string) bool { return strings.Contains(p, "__globals__") }); i >= 0 && without == nil {
				paths[i] = "main"
			}
			slices.Sort(paths)
			slices.Sort(got[n])
			if !slices.Equal(paths, got[n]) {
				t.Errorf("without %v, %s is held by %q, want %q", without, n, got[n], paths)
			}
		}
	}
}
