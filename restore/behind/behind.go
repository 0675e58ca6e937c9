// Package behind tells what a run of a program has changed in its modules: what a thaw that runs
// the program again finds, and a recipe may have to repair.
//
// Modules change when they are imported, too, and change others then. That is no doing of the run,
// so what modules hold is noted anew after each import: see [Tracker].
package behind

import (
	"slices"

	"pyfreeze/pyheap"
)

// Entry is one thing that a run has changed.
type Entry struct {
	Path string `json:"path"`          // of Python, from a module
	Was  string `json:"was,omitempty"` // "" where it was not there
	Is   string `json:"is,omitempty"`  // "" where it is gone
	// Own says that it belongs to no module of Python's own library.
	Own bool `json:"own,omitempty"`
}

// Report is what a run has changed, that of the program's own modules first.
type Report struct {
	Entries []Entry `json:"entries"`
	Left    int     `json:"left_out,omitempty"` // how many more there are
	// Uncertain says that late imports were not followed: what they changed is among it, and what
	// the run changed in their modules is not.
	Uncertain bool `json:"uncertain,omitempty"`
}

// WithoutValues is the report without what was, and is, in the places: that may be secret.
func (r *Report) WithoutValues() *Report {
	if r == nil {
		return nil
	}
	out := *r
	out.Entries = make([]Entry, len(r.Entries))
	for i, e := range r.Entries {
		out.Entries[i] = Entry{Path: e.Path, Own: e.Own}
	}
	return &out
}

// Without leaves entries out.
func (r *Report) Without(which func(path, was string) bool) {
	r.Entries = slices.DeleteFunc(r.Entries, func(e Entry) bool { return which(e.Path, e.Was) })
}

// Tracker compares what modules hold at some moments of a run. It is told of each import that is
// not part of another one: what has changed between two of them the run has done.
type Tracker struct {
	// Own leaves Python's own library out, but for the environment: that is most of what there is.
	Own bool

	base map[pyheap.Addr]*object
	late bool
}

// Starts notes what modules hold when the program begins.
func (t *Tracker) Starts(h *pyheap.Heap) error {
	p, err := look(h, t.Own)
	if err == nil {
		t.base = p.objects
	}
	return err
}

// Imports marks what the run has changed until now: an import begins.
func (t *Tracker) Imports(h *pyheap.Heap) error {
	p, err := look(h, t.Own)
	if err != nil {
		return err
	}
	c := comparison{h: h, was: t.base}
	for a, now := range p.objects {
		if was := t.base[a]; was != nil && !was.changed && was.typ == now.typ && differ(was, now) {
			was.changed = true
			for i, s := range was.slots { // what it held may be gone when it is told
				was.slots[i].told = c.before(s)
			}
		}
	}
	return nil
}

// Imported notes what modules hold after an import, but for what the run has changed before it.
func (t *Tracker) Imported(h *pyheap.Heap) error {
	p, err := look(h, t.Own)
	if err != nil {
		return err
	}
	for a, now := range p.objects {
		if was := t.base[a]; was != nil && was.changed && was.typ == now.typ {
			p.objects[a] = was
		}
	}
	t.base = p.objects
	return nil
}

// Late says that further imports are not told: what they change counts as the run's.
func (t *Tracker) Late() { t.late = true }

// maxEntries bounds a report.
const maxEntries = 1000

// Report tells what the run has changed, at its end.
func (t *Tracker) Report(h *pyheap.Heap) (*Report, error) {
	p, err := look(h, t.Own)
	if err != nil {
		return nil, err
	}
	c := comparison{h: h, was: t.base, is: p}
	out := &Report{Entries: []Entry{}, Uncertain: t.late}
	for _, own := range []bool{true, false} {
		for _, a := range p.order {
			now := p.objects[a]
			if was := t.base[a]; was != nil && was.typ == now.typ && now.own == own {
				for _, e := range c.object(was, now) {
					e.Path = cutOff.ReplaceAllString(e.Path, "...")
					if e.Own = own; len(out.Entries) < maxEntries {
						out.Entries = append(out.Entries, e)
					} else {
						out.Left++
					}
				}
			}
		}
	}
	return out, nil
}
