package captured

import (
	"bytes"
	"regexp"

	"pyfreeze/pyheap"
)

// moduleConstant is the path of an attribute of a module.
var moduleConstant = regexp.MustCompile(`^sys\.modules\['([\w.]+)'\]\.(\w+)$`)

// Cwd finds the attributes of modules that are the working directory, which a thaw can set to its
// own. It returns false where the directory is in anything else as well, or in a part of something:
// then a thaw elsewhere would be wrong.
func Cwd(h *pyheap.Heap, w *pyheap.Walk, cwd string) ([]Copy, bool) {
	const shortest, most = 4, 50 // a short path may be part of anything
	if len(cwd) < shortest {
		return nil, false
	}
	want, alone, text := map[pyheap.Addr]bool{}, true, []byte(asText(cwd))
	w.EachValue(maxCapturedText, func(v pyheap.Value) {
		if v.IsInt || !bytes.Contains(v.Text, text) {
			return
		}
		if o, ok := w.Find(v.Addr); !ok || !o.Kept() || len(v.Text) != len(text) {
			alone = false
			return
		}
		want[v.Addr] = true
	})
	if len(want) == 0 || len(want) > most {
		return nil, alone && len(want) == 0
	}
	tr, err := w.Trace(pyheap.TraceOptions{Want: want})
	if err != nil {
		return nil, false
	}
	known, held := compilePatterns(refreshed), map[pyheap.Addr]int{}
	out := []Copy{}
	for _, r := range tr.References() {
		path := tr.Path(r)
		held[r.To]++
		if known.match(path) {
			continue
		}
		m := moduleConstant.FindStringSubmatch(path)
		if m == nil || m[1] == "__main__" {
			alone = false
			continue
		}
		out = append(out, Copy{Path: path, Module: m[1], Name: m[2]})
	}
	for a := range want {
		if held[a] == 0 || held[a] != len(w.Referrers(a)) {
			alone = false // somebody else holds it, such as a frame
		}
	}
	return out, alone
}
