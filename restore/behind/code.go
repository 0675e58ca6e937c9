package behind

import (
	"slices"
	"strings"

	"pyfreeze/pyheap"
)

// Code is what the code of a module says of what it holds when it has been imported: of constant
// values as Python writes them. Names of classes are "Class.name", of their instances
// "Class().name".
type Code struct {
	Values map[string]string
	Names  []string // all that it sets
	Open   bool     // there may be others
}

// FromCode tells what of a process differs from what the code of its modules has set there: all
// that can be known of one that ran already. What a module has changed by itself while it was
// imported is among it.
func FromCode(h *pyheap.Heap, codes map[string]Code) (*Report, error) {
	p, err := look(h, true)
	if err != nil {
		return nil, err
	}
	out := &Report{Entries: []Entry{}}
	for _, a := range p.order {
		o := p.objects[a]
		if !o.own {
			continue
		}
		for _, e := range p.fromCode(o, codes) {
			e.Path = cutOff.ReplaceAllString(e.Path, "...")
			if e.Own = true; len(out.Entries) < maxEntries {
				out.Entries = append(out.Entries, e)
			} else {
				out.Left++
			}
		}
	}
	return out, nil
}

// fromCode tells of one object.
func (p *picture) fromCode(o *object, codes map[string]Code) (out []Entry) {
	if p.kindOf(o.typ) == kindCache {
		if s := o.slots[0]; s.text != "" && s.text != "0" {
			out = append(out, Entry{Path: o.path() + s.step, Was: "0", Is: s.text})
		}
		return out
	}
	module, prefix := p.inCode(o)
	code, known := codes[module]
	if !known {
		return nil
	}
	for _, s := range o.slots {
		name := strings.TrimPrefix(s.step, ".")
		is := p.h.Repr(s.to, maxCompared)
		was, there := code.Values[prefix+name]
		switch {
		case there && was != is && len(was) < maxCompared:
			out = append(out, Entry{Path: o.path() + s.step, Was: cut(was), Is: cut(is)})
		case !there && prefix == "" && !code.Open && !slices.Contains(code.Names, name) &&
			!strings.HasPrefix(name, "__") && p.kindOf(s.typ) != kindModule:
			out = append(out, Entry{Path: o.path() + s.step, Is: cut(is)})
		}
	}
	return out
}

// maxCompared bounds the values that are compared.
const maxCompared = 4096

// inCode returns which module's code tells of an object: of a module, of a class of it, or of an
// instance of such a class that it has as a global; and what names begin with there.
func (p *picture) inCode(o *object) (module, prefix string) {
	if o.parent == nil {
		return moduleOf(o), ""
	}
	if o.parent.parent != nil {
		return "", ""
	}
	module = moduleOf(o.parent)
	switch name := p.h.TypeNameOf(o.typ); {
	case name == "builtins.type":
		return module, strings.TrimPrefix(o.step, ".") + "."
	case strings.HasPrefix(name, module+"."):
		return module, name[len(module)+1:] + "()."
	}
	return "", ""
}

// moduleOf returns the name of a module by its path.
func moduleOf(o *object) string {
	return strings.TrimSuffix(strings.TrimPrefix(o.step, "sys.modules['"), "']")
}

// cut shortens a text that is told.
func cut(text string) string {
	if r := []rune(text); len(r) > maxText {
		return string(r[:maxText-3]) + "..."
	}
	return text
}
