package symbols

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestVersionInStrings(t *testing.T) {
	for in, want := range map[string]string{
		"x\x00lib/python3.8\x003.8.18\x00":                     "3.8.18",
		"lib/python3.9\x001.3.9.1\x003.9.0rc2\x00":             "3.9.0rc2",
		"lib/python3.10\x00suffix3.10.13+\x00":                 "3.10.13",
		"lib/python2.7\x002.7.18\x00":                          "2.7.18",
		"lib/python3.8\x003.8.\x003.8.x\x003.8.1x\x00":         "",
		"lib/python3.8\x003.9.1\x00":                           "",
		"lib/python3.99999\x003.8.":                            "",
		"opt/python3.9\x00python3.10\x003.10.12\x00 3.10.1":    "3.10.12",
		strings.Repeat("lib/python3.8", 3) + "\x003.8.999\x00": "",
	} {
		v, ok := versionInStrings([]byte(in))
		got := ""
		if ok {
			got = v.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if v := versionOfHex(0x030d00a3); v.String() != "3.13.0a3" || !v.AtLeast(3, 12) || v.AtLeast(3, 14) {
		t.Error(v)
	}
}

func FuzzVersionInStrings(f *testing.F) {
	f.Add([]byte("lib/python3.8\x003.8.18\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, ok := versionInStrings(b); ok && !bytes.Contains(b, fmt.Appendf(nil, "%d.%d.", v.Major, v.Minor)) {
			t.Errorf("%v is not in %q", v, b)
		}
	})
}
