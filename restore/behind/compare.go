package behind

import (
	"regexp"
	"slices"
	"strings"

	"pyfreeze/pyheap"
)

// differ says whether two looks at one object saw other things.
func differ(was, is *object) bool {
	return !slices.EqualFunc(was.slots, is.slots, func(a, b slot) bool {
		return a.step == b.step && same(a, b)
	})
}

// same says whether a place holds the same object, or one of the same value.
func same(a, b slot) bool {
	if a.text != "" || b.text != "" {
		return a.text == b.text
	}
	return a.to == b.to
}

// comparison makes entries.
type comparison struct {
	h   *pyheap.Heap
	was map[pyheap.Addr]*object
	is  *picture
}

// maxOfOne bounds the entries of one object.
const maxOfOne = 50

// object tells what of one object has changed.
func (c *comparison) object(was, is *object) []Entry {
	if !differ(was, is) {
		return nil
	}
	if is.form != formNamed || was.form != formNamed {
		return c.whole(was, is)
	}
	var out []Entry
	path := is.path()
	old, now := bySteps(was), bySteps(is)
	for _, s := range is.slots {
		b, there := old[s.step]
		if there && same(b, s) {
			continue
		}
		e := Entry{Path: path + s.step, Is: c.now(s)}
		if there {
			e.Was = c.before(b)
		}
		if e.Was != e.Is { // a new object of the same value
			out = append(out, e)
		}
	}
	for _, s := range was.slots {
		if _, still := now[s.step]; !still {
			out = append(out, Entry{Path: path + s.step, Was: c.before(s)})
		}
	}
	if len(out) > maxOfOne {
		out = []Entry{{Path: path, Was: c.all(was, c.before), Is: c.all(is, c.now)}}
	}
	return out
}

// whole tells of a list or set. Of one that has only grown, what is new.
func (c *comparison) whole(was, is *object) []Entry {
	path, n := is.path(), len(was.slots)
	grown := is.form == formSequence && n <= len(is.slots) && len(is.slots)-n <= maxOfOne &&
		slices.EqualFunc(was.slots, is.slots[:n], same)
	if !grown {
		return []Entry{{Path: path, Was: c.all(was, c.before), Is: c.all(is, c.now)}}
	}
	var out []Entry
	for _, s := range is.slots[n:] {
		out = append(out, Entry{Path: path + s.step, Is: c.now(s)})
	}
	return out
}

func bySteps(o *object) map[string]slot {
	out := make(map[string]slot, len(o.slots))
	for _, s := range o.slots {
		out[s.step] = s
	}
	return out
}

// now tells what is in a place.
func (c *comparison) now(s slot) string {
	if s.text != "" {
		return shown(s.text)
	}
	return c.h.Repr(s.to, maxText)
}

// before tells what was in a place. Only values are known of it, and what containers held.
func (c *comparison) before(s slot) string {
	if s.told != "" {
		return s.told
	}
	if s.text != "" {
		return shown(s.text)
	}
	o := c.was[s.to]
	if typ, err := c.h.TypeOf(s.to); err == nil && typ == s.typ && (o == nil || !o.container) {
		return c.h.Repr(s.to, maxText) // it is still there, or one of its kind
	}
	if o != nil && o.container {
		return c.all(o, func(s slot) string {
			if s.text == "" {
				return "..."
			}
			return shown(s.text)
		})
	}
	return "<" + c.h.TypeNameOf(s.typ) + ">"
}

// all tells what an object holds in all its places.
func (c *comparison) all(o *object, value func(slot) string) string {
	open, end := "{", "}"
	if o.form == formSequence {
		open, end = "[", "]"
	}
	var parts []string
	size := 0
	for _, s := range o.slots {
		var part string
		switch o.form {
		case formNamed:
			part = strings.Trim(s.step, ".[]") + ": " + value(s)
		case formSet:
			part = shown(strings.Trim(s.step, "{}"))
		default:
			part = value(s)
		}
		if size += len(part) + 2; size > maxText && len(parts) > 0 {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, part)
	}
	return open + strings.Join(parts, ", ") + end
}

// cutOff is where a text was cut, and the sum of what was cut off.
var cutOff = regexp.MustCompile(`\.\.\.#[0-9a-f]{1,16}`)

// shown is a text without sums.
func shown(text string) string { return cutOff.ReplaceAllString(text, "...") }
