package stub_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/parity"
)

// verdict is what the launcher makes of guards: the command, and whether it may be thawed.
type verdict struct {
	State     string // damaged, unfit, stale or fits
	Why       string
	Exe, Comm string
	Gate      string
	Words     string // of the command, before the user's
	Argv      []string
}

// judge asks the launcher.
func judge(d *parity.Driver, guards []byte, entry string, args, env []string) verdict {
	words := []string{string(guards), strconv.Itoa(len(args)), entry}
	a := d.Ask("!guards", append(append(words, args...), env...)...)
	if a[0] == "damaged" {
		return verdict{State: a[0]}
	}
	return verdict{a[0], a[1], a[2], a[3], a[4], a[5], a[6:]}
}

// pick is one word out of few, so that those that are to be equal often are.
func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// several are up to n of them.
func several(r *rand.Rand, n int, words ...string) []string {
	out := []string{}
	for range r.IntN(n + 1) {
		out = append(out, pick(r, words...))
	}
	return out
}

// seeded gives the same numbers at every run: what fails once fails again.
func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 1)) }

// TestGuardsTellTheCommand shows that the launcher starts what the guards name: their words, then
// the user's; and with another entry that in place of the script, under its own name.
func TestGuardsTellTheCommand(t *testing.T) {
	d := parity.Start(t)
	words := []string{"", "a", "-u", "--", "a b", "\xff\n", strings.Repeat("long", 2000)}
	for n := range uint64(300) {
		r := seeded(n)
		g := &guard.Guards{
			Exe: "/bin/" + pick(r, words...), Argv0: append([]string{"py"}, several(r, 3, words...)...),
			Script: several(r, 3, words...), Comm: pick(r, "", "hg", "a name that is longer"),
			CPU: guard.CPU(), UTF8Mode: true, Gate: int64(r.Uint64()),
		}
		args, entry := several(r, 4, words...), pick(r, "", "other.py")
		script, comm := g.Script, g.Comm
		if entry != "" {
			script, comm = []string{entry}, ""
		}
		want := verdict{
			State: "fits", Exe: g.Exe, Comm: comm, Gate: strconv.FormatUint(uint64(g.Gate), 10),
			Words: strconv.Itoa(len(g.Argv0) + len(script)), Argv: slices.Concat(g.Argv0, script, args),
		}
		if diff := cmp.Diff(want, judge(d, g.Encode(), entry, args, nil)); diff != "" {
			t.Fatalf("%+v with %q and %q: %s", g, entry, args, diff)
		}
	}
}

// TestScriptAsGiven shows that a script has its relative path where it was started with that, and
// its whole path elsewhere and in place of another entry.
func TestScriptAsGiven(t *testing.T) {
	d := parity.Start(t)
	here, err := os.Getwd() // of the driver, too
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dir, entry, want string }{
		{here, "", "sub/app.py"}, {here + "/", "", "/w/sub/app.py"}, {"/", "", "/w/sub/app.py"},
		{"", "", "/w/sub/app.py"}, {here, "other.py", "other.py"},
	} {
		g := &guard.Guards{Exe: "/bin/sh", Argv0: []string{"py"}, Script: []string{"/w/sub/app.py"},
			Dir: c.dir, Given: "sub/app.py", CPU: guard.CPU(), UTF8Mode: true}
		got := judge(d, g.Encode(), c.entry, []string{"x"}, nil)
		if !slices.Equal(got.Argv, []string{"py", c.want, "x"}) {
			t.Errorf("started in %q: %q, want %q", c.dir, got.Argv, c.want)
		}
	}
}

// variables are entries and names of which some stand near each other: what decides is the last
// byte.
var (
	entryNames = []string{
		"PYTHON", "PYTHONX", "PYTHONPATH", "PYTHONPATHS", "PYTHONUSERBASE", "PYTHONIOENCODING", "PYTHO",
		"LD_PRELOAD", "LD_PRELOADS", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_DEBUG", "GLIBC_TUNABLES",
		"MALLOC_", "MALLOC_ARENA", "MALLOC", "A", "AB", "ABC", "B", "é",
	}
	names = append([]string{"*", "A*", "AB*", "P*", "PYTHONP*", "PYTHONPATH*", "Z*"}, entryNames...)
)

// TestVariablesThatCount asks both sides of single variables, under all kinds of lists of names.
func TestVariablesThatCount(t *testing.T) {
	d := parity.Start(t)
	counted := 0
	for n := range uint64(4000) {
		r := seeded(n)
		entry := pick(r, entryNames...) + pick(r, "=", "=", "") + pick(r, "", "1", "*", "=", "A")
		list := several(r, 3, names...)
		joined := strings.Join(list, " ")
		want := guard.Listed(entry, list)
		if got := d.True("listed", entry, joined); got != want {
			t.Errorf("is %q among %q: C says %t, Go %t", entry, joined, got, want)
		}
		_, want = guard.Variables([]string{entry}, list)[strings.Split(entry, "=")[0]]
		if got := d.True("counts", entry, joined); got != want {
			t.Errorf("does %q count with %q: C says %t, Go %t", entry, joined, got, want)
		}
		if want {
			counted++
		}
	}
	if counted < 400 || counted > 3600 {
		t.Errorf("%d of 4000 variables count: the test tries one kind only", counted)
	}
}

// TestLocaleAndLookup asks both sides for UTF-8 mode and the value of a variable.
func TestLocaleAndLookup(t *testing.T) {
	d := parity.Start(t)
	vars := []string{"LC_ALL", "LC_CTYPE", "LANG", "LC_AL", "LC_ALLS", "LANGUAGE"}
	for n := range uint64(1000) {
		r := seeded(n)
		var env []string
		for range r.IntN(5) {
			env = append(env,
				pick(r, vars...)+pick(r, "=", "=", "=", "")+pick(r, "", "C", "POSIX", "CX", "de"))
		}
		if got, want := d.True("utf8", env...), guard.UTF8Mode(env); got != want {
			t.Errorf("UTF-8 mode in %q: C says %t, Go %t", env, got, want)
		}
		name, want := pick(r, vars...), "(none)"
		if v := guard.Lookup(env, name); v != nil {
			want = *v
		}
		if got := d.Says("env", append([]string{name}, env...)...); got != want {
			t.Errorf("%s in %q: C says %q, Go %q", name, env, got, want)
		}
	}
}
