package captured

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"

	"pyfreeze/pyheap"
)

// Value is an object of the frozen process that equals something that it was started with, and that
// modules lead to. A thaw brings it back as it was.
type Value struct {
	What    string `json:"what"` // "argv[1]", the name of a variable, "cwd", "pid", ...
	Path    string `json:"path"` // Python path; values of variables in it are replaced by <NAME>
	Type    string `json:"type"`
	Value   string `json:"value,omitempty"`   // may be secret: for `info --values` only
	Below   bool   `json:"below,omitempty"`   // it is a path below the directory What
	Literal bool   `json:"literal,omitempty"` // the module's source has the same word: perhaps no capture at all
}

const (
	maxCaptured      = 1000 // entries of an image
	maxHolders       = 8    // paths to one object
	maxCapturedText  = 4096 // characters of a value that is looked at
	maxCapturedValue = 200  // characters of a value that are kept
	maxFewInts       = 16   // ints in a container; in a larger one an equal int says nothing
)

// Find lists what h captured of its start, without what the thaw script and the recipe repair, and without what copies hold.
func Find(h *pyheap.Heap, w *pyheap.Walk, facts *Facts, fixes []string, copies []Copy) ([]Value, error) {
	fixes = slices.Concat(fixes, refreshed)
	for _, c := range copies {
		if c.Environ {
			fixes = append(fixes, moduleStep.ReplaceAllString(c.Path, "$1"))
		}
	}
	c := &finder{h: h, w: w, facts: facts, found: map[pyheap.Addr]finding{}, fixed: compilePatterns(fixes),
		sources: sourceWords{h: h}, out: []Value{}}
	c.match()
	if len(c.found) == 0 {
		return c.out, nil
	}
	return c.holders()
}

// finding is an object that equals a fact.
type finding struct {
	what, value string
	typ         string
	below       bool
	number      bool
}

type finder struct {
	h       *pyheap.Heap
	w       *pyheap.Walk
	facts   *Facts
	found   map[pyheap.Addr]finding
	fixed   patterns
	sources sourceWords
	out     []Value
}

// match finds the objects that equal a fact.
func (c *finder) match() {
	c.w.EachValue(maxCapturedText, func(v pyheap.Value) {
		if v.IsInt {
			if what := c.facts.ints[v.Int]; what != "" && v.TypeName == "builtins.int" {
				c.found[v.Addr] = finding{what: what, typ: v.TypeName, number: true}
			}
			return
		}
		if v.Interned || len(v.Text) < minFact || string(v.Text) == os.DevNull {
			return // a name or a word that the program has for itself
		}
		if what, ok := c.facts.texts[asText(string(v.Text))]; ok {
			c.found[v.Addr] = finding{what: what, value: string(v.Text), typ: v.TypeName}
			c.facts.secret(c.h.Repr(v.Addr, pyheap.MaxKeyShown), what)
			return
		}
		for _, d := range c.facts.dirs {
			if rest, ok := bytes.CutPrefix(v.Text, []byte(d.path)); ok && bytes.HasPrefix(rest, []byte("/")) && !c.facts.isCode(string(v.Text)) {
				c.found[v.Addr] = finding{what: d.what, value: string(v.Text), typ: v.TypeName, below: true}
				return
			}
		}
	})
}

// holders finds who holds them.
func (c *finder) holders() ([]Value, error) {
	want := map[pyheap.Addr]bool{}
	for a := range c.found {
		want[a] = true
	}
	tr, err := c.w.Trace(pyheap.TraceOptions{Without: []string{"__main__"}, Want: want, Max: maxHolders})
	if err != nil {
		return nil, err
	}
	constants := map[pyheap.Addr]bool{}
	whole := map[pyheap.Addr]bool{} // lists and tuples that are the whole of argv
	for _, r := range tr.References() {
		if r.Constant {
			constants[r.To] = true
		} else if c.isArgv(r) {
			whole[r.Holder] = true
		}
	}
	for _, r := range tr.References() {
		f := c.found[r.To]
		if constants[r.To] || whole[r.Holder] || f.number && !c.meansNumber(tr, r, f) {
			continue
		}
		c.report(tr, r, f)
	}
	if len(whole) == 0 {
		return c.out, nil
	}
	// Again, for the holders of these.
	if tr, err = c.w.Trace(pyheap.TraceOptions{Without: []string{"__main__"}, Want: whole, Max: maxHolders}); err != nil {
		return nil, err
	}
	for _, r := range tr.References() {
		typ, _ := c.h.TypeName(r.To)
		c.report(tr, r, finding{what: "argv", typ: typ, value: strings.Join(c.facts.argv, " ")})
	}
	return c.out, nil
}

// isArgv says whether the holder is a list or tuple with all arguments and nothing else.
func (c *finder) isArgv(r pyheap.Reference) bool {
	items, err := c.h.ListItems(r.Holder, len(c.facts.argv)+1)
	if err != nil {
		items, err = c.h.TupleItems(r.Holder, len(c.facts.argv)+1)
	}
	if err != nil || len(items) != len(c.facts.argv) {
		return false
	}
	for i, a := range items {
		s, err := c.h.Str(a)
		if err != nil {
			b, err2 := c.h.Bytes(a)
			s, err = string(b), err2
		}
		if err != nil || s != c.facts.argv[i] && asText(c.facts.argv[i]) != s {
			return false
		}
	}
	return true
}

// meansNumber tells a captured number from one that only happens to be equal, such as a constant in a table.
func (c *finder) meansNumber(tr *pyheap.Trace, r pyheap.Reference, f finding) bool {
	path := tr.Path(r)
	last := strings.ToLower(path[strings.LastIndexAny(path, ".[")+1:])
	if strings.Contains(last, "pid") {
		return true
	}
	if f.what == "uid" || f.what == "gid" {
		return strings.Contains(last, f.what) || strings.Contains(last, "user") || strings.Contains(last, "owner")
	}
	return r.Ints <= maxFewInts
}

var lastName = regexp.MustCompile(`\.(\w{4,})$`)

// named says whether the place is named as the variable is, as encodingmode is for HGENCODINGMODE.
func named(path, what string) bool {
	m := lastName.FindStringSubmatch(path)
	return m != nil && strings.Contains(plainName(what), plainName(m[1]))
}

func plainName(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

// report adds an entry unless something repairs it.
func (c *finder) report(tr *pyheap.Trace, r pyheap.Reference, f finding) {
	path := tr.Path(r)
	if len(c.out) >= maxCaptured || c.fixed.match(path) || strings.Contains(path, ".__match_args__[") { // names of fields
		return
	}
	v := Value{What: f.what, Path: c.facts.redact(path), Type: f.typ, Below: f.below}
	v.Value = f.value[:min(len(f.value), maxCapturedValue)]
	if f.value != "" {
		v.Literal = !named(path, f.what) && c.sources.have(tr.Modules(r), f.value)
	}
	for i := range c.out {
		if c.out[i] == v {
			return
		}
	}
	c.out = append(c.out, v)
}
