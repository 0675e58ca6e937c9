package launcher

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                      nil,
		"  a\tb ":               {"a", "b"},
		`'a b' "c d"e\ f`:       {"a b", "c de f"},
		`'' ""`:                 {"", ""},
		`"\"\\\n" '\'`:          {`"\\n`, `\`},
		`a'b'"c"\d`:             {"abcd"},
		"--config=x.y='a;b' -R": {"--config=x.y=a;b", "-R"},
	} {
		got, err := SplitWords(line)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %s %v", line, diff, err)
		}
	}
	for _, line := range []string{"'", `"`, `a"b`, `"\`} {
		if got, err := SplitWords(line); err == nil {
			t.Errorf("%s: %q", line, got)
		}
	}
}
