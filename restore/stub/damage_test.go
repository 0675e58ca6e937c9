package stub_test

import (
	"bytes"
	"slices"
	"testing"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/parity"
)

// whole are guards with all parts, which fit anywhere.
func whole() *guard.Guards {
	return &guard.Guards{
		Exe: "/bin/sh", Argv0: []string{"sh", "-u"}, Script: []string{"-m", "mod"}, Comm: "mod",
		CPU: guard.CPU(), UTF8Mode: true, Gate: 9, Names: []string{"A", "B*"},
		Env: map[string]string{"A": "1", "BC": ""}, Files: []guard.File{},
		Facts: []guard.Read{{Kind: guard.Terminal, A: 99}}, Reads: []guard.Read{{Kind: guard.Absent, Text: "/nonexistent"}},
	}
}

// compareGuards asks both sides of bytes that may be anything.
func compareGuards(t *testing.T, d *parity.Driver, b []byte) verdict {
	t.Helper()
	env := []string{"A=1", "BC="}
	c := judge(d, b, "", []string{"arg"}, env)
	g, err := guard.Parse(b)
	if err != nil {
		return c
	}
	want := slices.Concat(g.Argv0, g.Script)
	if g.Dir != "" {
		return c // see TestScriptAsGiven
	}
	if len(want) > 60 || slices.ContainsFunc(append(want, g.Exe, g.Comm), hasNUL) {
		return c // more words than there is room for, or strings that C sees the beginning of
	}
	if c.State == "damaged" || c.Exe != g.Exe || c.Comm != g.Comm ||
		!slices.Equal(c.Argv, append(want, "arg")) {
		t.Errorf("C says %+v, Go has %+v", c, g)
	}
	if c.State == "fits" && len(g.Files) < 3 && g.Check(env) != nil {
		t.Errorf("%+v fits for C, for Go not: %v", g, g.Check(env))
	}
	return c
}

func hasNUL(s string) bool { return bytes.IndexByte([]byte(s), 0) >= 0 }

// TestGuardsCutShort shows that no beginning of guards fits: what is left out could be what has
// changed.
func TestGuardsCutShort(t *testing.T) {
	d, g := parity.Start(t), whole()
	for _, files := range [][]guard.File{nil, {{Path: "/none"}}, {{}, {}, {Path: "/none"}}} {
		g.Files = files
		b := g.Encode()
		for n := range b {
			if c := compareGuards(t, d, b[:n]); c.State == "fits" {
				t.Errorf("the first %d of %d bytes fit: %+v", n, len(b), c)
			}
		}
	}
}

// TestGuardsDamaged puts odd numbers wherever a length can be.
func TestGuardsDamaged(t *testing.T) {
	d, b := parity.Start(t), whole().Encode()
	if c := compareGuards(t, d, b); c.State != "fits" {
		t.Fatalf("what is whole does not fit: %+v", c)
	}
	n := uint64(len(b))
	for at := 0; at+8 <= len(b); at++ {
		left := n - uint64(at) - 8
		for _, v := range []uint64{0, 1, left - 1, left, left + 1, n, 1 << 31, 1<<32 - 1, 1 << 60,
			1 << 63, 1<<64 - 1} {
			bad := bytes.Clone(b)
			le.PutUint64(bad[at:], v)
			compareGuards(t, d, bad)
		}
	}
	for _, version := range []uint64{0, 7, 9, 8 << 32, 8 | 1<<32} {
		le.PutUint64(b, version)
		if c := compareGuards(t, d, b); c.State != "damaged" {
			t.Errorf("guards of version %d: %+v", version, c)
		}
	}
}

// TestTooManyWords fills the room that the launcher has for words, which is 64 beyond those of its
// own command line, and goes one beyond it.
func TestTooManyWords(t *testing.T) {
	d, g := parity.Start(t), whole()
	for script, want := range map[int]string{
		62: "fits", 64: "fits", 65: "fits", 66: "damaged", 1000: "damaged",
	} {
		g.Script = make([]string, script)
		env := []string{"A=1", "BC="}
		if c := judge(d, g.Encode(), "", []string{"a", "b"}, env); c.State != want {
			t.Errorf("%d words of a script: %s, want %s", script, c.State, want)
		}
	}
}

// FuzzGuards is the same for what a fuzzer makes up.
func FuzzGuards(f *testing.F) {
	g := whole()
	f.Add(g.Encode())
	g.Files = []guard.File{{Path: "/none", BuildID: "x"}, {Path: "/bin/sh"}}
	f.Add(g.Encode())
	f.Add([]byte{4, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{})
	d := parity.Start(f)
	f.Fuzz(func(t *testing.T, b []byte) { compareGuards(t, d.For(t), b) })
}
