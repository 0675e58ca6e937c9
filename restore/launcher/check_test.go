package launcher

import "testing"

// TestDiffers tells what differs, but not what differs between plain runs.
func TestDiffers(t *testing.T) {
	run := func(out, err, status string, files ...string) *outcome {
		o := &outcome{out: []byte(out), err: []byte(err), status: status, files: map[string]string{}}
		for i := 0; i < len(files); i += 2 {
			o.files[files[i]] = files[i+1]
		}
		return o
	}
	for _, c := range []struct {
		thawed, plain, again *outcome
		want                 string
	}{
		{run("a", "", "0", "f", "1"), run("a", "", "0", "f", "1"), run("a", "", "0", "f", "1"), ""},
		{run("a", "", "1"), run("a", "", "0"), run("a", "", "0"), "it ended with 1, plainly with 0"},
		{run("b", "", "0"), run("a", "", "0"), run("a", "", "0"), "another standard output"},
		{run("b", "", "0"), run("a", "", "0"), run("c", "", "0"), ""},
		{run("a", "x", "0"), run("a", "", "0"), run("a", "", "0"), `another standard error: "x"`},
		{run("", "", "0", "f", "2"), run("", "", "0", "f", "1"), run("", "", "0", "f", "1"), "the file f is another"},
		{run("", "", "0", "f", "2"), run("", "", "0", "f", "1"), run("", "", "0", "f", "3"), ""},
		{run("", "", "0"), run("", "", "0", "f", "1"), run("", "", "0", "f", "1"), "the file f is another"},
		{run("", "", "0", "f", "1"), run("", "", "0"), run("", "", "0"), "it made the file f"},
	} {
		if got := c.thawed.differs(c.plain, c.again); got != c.want {
			t.Errorf("%+v, plain %+v: %q, want %q", c.thawed, c.plain, got, c.want)
		}
	}
}

// TestKeyOfVariant shows that what stands against an image is kept where the launcher looks for it.
func TestKeyOfVariant(t *testing.T) {
	for _, name := range []string{"0123456789abcdef.pyfreeze", "0123456789abcdef-1.pyfreeze"} {
		if got := keyOf("/a-b/c.d/" + name); got != "0123456789abcdef" {
			t.Errorf("%s has the key %s", name, got)
		}
	}
}
