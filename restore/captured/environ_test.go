package captured

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEnvChanges lets a program set and delete variables at random: what differs in the end is
// told, whatever came between.
func TestEnvChanges(t *testing.T) {
	for n := range uint64(4) {
		r := rand.New(rand.NewPCG(n, 1))
		before, after := map[string]string{}, map[string]string{}
		var environ []string
		var text string
		for i := range 40 {
			name := fmt.Sprintf("V%d", i)
			if r.IntN(2) == 0 {
				before[name] = []string{"", "a", "a=b", "\xff"}[r.IntN(4)]
				after[name] = before[name]
				environ = append(environ, name+"="+before[name])
			}
			for range r.IntN(3) {
				if value := []string{"", "a", "b", "\u00e4"}[r.IntN(4)]; r.IntN(3) > 0 {
					text += fmt.Sprintf("os.environ[%q] = %q\n", name, value)
					after[name] = value
				} else {
					text += fmt.Sprintf("os.environ.pop(%q, None)\n", name)
					delete(after, name)
				}
			}
		}
		var want []EnvChange
		for i := range 40 {
			name := fmt.Sprintf("V%d", i)
			old, had := before[name]
			value, has := after[name]
			switch {
			case has && (!had || old != value):
				want = append(want, EnvChange{[]byte(name), append([]byte{}, value...)})
			case had && !has:
				want = append(want, EnvChange{[]byte(name), nil})
			}
		}
		slices.SortFunc(want, func(a, b EnvChange) int { return slices.Compare(a.Name, b.Name) })
		p := run(t, text, environ)
		got := EnvChanges(p.heap, p.environ)
		if diff := cmp.Diff(want, got); diff != "" { // an empty value is not nil, which is "deleted"
			t.Errorf("seed %d: %s", n, diff)
		}
		if names := Names(got); len(names) != len(got) || len(got) > 0 &&
			names[0] != string(got[0].Name) {
			t.Errorf("the names are %q", names)
		}
	}
}

// TestEnvChangesOfOddPrograms has names that no list can hold, the interpreter's own change, and
// something else in the place of the dict.
func TestEnvChangesOfOddPrograms(t *testing.T) {
	p := run(t, `
os.environ["LC_CTYPE"] = "C.UTF-8"
os.environ["STAR*"] = "1"
os.environb[b"BYTES"] = b"\xff"
`, nil)
	want := []EnvChange{{[]byte("BYTES"), []byte{0xff}}}
	if diff := cmp.Diff(want, EnvChanges(p.heap, p.environ)); diff != "" {
		t.Error(diff)
	}
	p = run(t, "import posix\nposix.environ = {1: 2}\n", []string{"A=1"})
	if got := EnvChanges(p.heap, p.environ); got != nil {
		t.Errorf("of a dict that is none of variables: %q", got)
	}
}

// TestVariables gives the variables that an image depends on, by what was found.
func TestVariables(t *testing.T) {
	environ := []string{"A=1", "B=2", "HOME=/h", "PWD=/p", "EMPTY="}
	for _, c := range []struct {
		what string
		want []string
	}{
		{"A", []string{"A"}}, {"A, B", []string{"A", "B"}}, {"B, argv[1], A", []string{"A", "B"}},
		{"argv[0]", nil},
		{"C", nil}, {"PWD", nil}, {"PWD, cwd, A", []string{"A"}}, {"EMPTY", []string{"EMPTY"}},
		{"HOME", []string{"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
			"XDG_STATE_HOME"}},
	} {
		found := []Value{{What: c.what}, {What: c.what, Path: "again"}, {What: "B, A", Literal: true}}
		if diff := cmp.Diff(c.want, Variables(found, environ)); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}
