package pyheap

import (
	"strings"
	"testing"
)

// TestPathsRoundTrip looks up the path of every object that a walk finds: it leads there.
func TestPathsRoundTrip(t *testing.T) {
	for _, python := range pythons(t) {
		scripts := []string{"paths.py"}
		if python == python311 {
			scripts = append(scripts, "library.py")
		}
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			for _, script := range scripts {
				w := start(t, python, testdata(script)).walk(t)
				step := max(w.Objects()/1500, 1)
				n, tried, bad := 0, 0, 0
				w.Each(func(o Object) {
					if n++; n%step != 0 {
						return
					}
					tried++
					path := w.Path(o.Addr)
					got, err := w.h.Lookup(path)
					if err == nil && got == o.Addr {
						return
					}
					if bad++; bad < 30 {
						t.Logf("%s: %v, a %s, has the path %s, which leads to %v, %v", script, o.Addr, o.TypeName, path, got, err)
					}
				})
				if bad > tried/500 { // a word of a library's that holds another object than it is declared to
					t.Errorf("%s: %d of %d paths lead elsewhere", script, bad, tried)
				}
				t.Logf("%s: %d of %d paths wrong", script, bad, tried)
			}
		})
	}
}
