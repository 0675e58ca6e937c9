package guard

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCmdline(t *testing.T) {
	for _, tc := range []struct {
		argv               []string
		interp, what, args []string
		unbuffered         bool
	}{
		{argv: []string{"python3", "x.py", "-u", "a"}, interp: []string{"python3"}, what: []string{"x.py"}, args: []string{"-u", "a"}},
		{argv: []string{"python3", "-u", "x.py"}, interp: []string{"python3", "-u"}, what: []string{"x.py"}, unbuffered: true},
		{argv: []string{"python3", "-W", "ignore", "-Xutf8", "x.py"}, interp: []string{"python3", "-W", "ignore", "-Xutf8"}, what: []string{"x.py"}},
		{argv: []string{"python3", "-Bum", "mod", "a"}, interp: []string{"python3", "-Bu"}, what: []string{"-m", "mod"}, args: []string{"a"}, unbuffered: true},
		{argv: []string{"python3", "-cpass", "a"}, interp: []string{"python3"}, what: []string{"-c", "pass"}, args: []string{"a"}},
		{argv: []string{"python3", "-Xunbuffered", "x.py"}, interp: []string{"python3", "-Xunbuffered"}, what: []string{"x.py"}},
		{argv: []string{"python3", "--check-hash-based-pycs", "never", "x.py"}, interp: []string{"python3", "--check-hash-based-pycs", "never"}, what: []string{"x.py"}},
		{argv: []string{"python3", "--", "-odd.py"}, interp: []string{"python3", "--"}, what: []string{"-odd.py"}},
	} {
		c, err := ParseCmdline(tc.argv)
		if err != nil {
			t.Errorf("%q: %v", tc.argv, err)
			continue
		}
		got := [][]string{c.Interp, c.What, append([]string{}, c.Args...)}
		want := [][]string{tc.interp, tc.what, append([]string{}, tc.args...)}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", tc.argv, d)
		}
		if c.HasOption('u') != tc.unbuffered {
			t.Errorf("%q: -u is %t", tc.argv, c.HasOption('u'))
		}
	}
	for _, argv := range [][]string{{}, {"python3"}, {"python3", "-"}, {"python3", "-i"}, {"python3", "-m"}, {"python3", "-W"}, {"python3", "--"}} {
		if c, err := ParseCmdline(argv); err == nil {
			t.Errorf("%q has no program, yet %v", argv, c)
		}
	}
}
