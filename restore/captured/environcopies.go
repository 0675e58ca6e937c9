package captured

import (
	"strings"

	"pyfreeze/pyheap"
	"pyfreeze/restore/guard"
)

// CopiedEnviron says whether the program has the environment in something that no thaw can set
// anew, as it does a dict: pairs or names in a list, tuple or set, entries NAME=VALUE, one text of
// all, or a dict with keys in another case. environ is what the process was started with.
func CopiedEnviron(h *pyheap.Heap, w *pyheap.Walk, environ []string) bool {
	c := &copyFinder{h: h, start: map[string]string{}}
	for _, entry := range environ {
		if name, _, ok := strings.Cut(entry, "="); ok && name != "" {
			c.start[asText(name)] = asText(*guard.Lookup(environ, name))
		}
	}
	for _, typ := range []string{"builtins.tuple", "builtins.list", "builtins.set",
		"builtins.frozenset"} {
		for _, o := range w.OfType(typ) {
			if c.inItems(o.Addr) {
				return true
			}
		}
	}
	for _, o := range w.OfType("builtins.dict") {
		if c.inDict(o.Addr) {
			return true
		}
	}
	for _, typ := range []string{"builtins.str", "builtins.bytes"} {
		for _, o := range w.OfType(typ) {
			if text, ok := textOf(h, o.Addr); ok && c.inText(text) {
				return true
			}
		}
	}
	return false
}

// copyFinder looks for copies of the environment.
type copyFinder struct {
	h     *pyheap.Heap
	start map[string]string
}

// ofShell says whether a name and value are those of a variable that tells where a shell was; the
// name in any case.
func (c *copyFinder) ofShell(name, value string) bool {
	name = strings.ToUpper(name)
	was, ok := c.start[name]
	return ok && guard.OfShell(name) && value == was
}

// inItems says whether items are a pair of such a variable, have its entry, or are the names of all
// variables.
func (c *copyFinder) inItems(at pyheap.Addr) bool {
	const most, pair, few = 1 << 12, 2, 4
	items, total, err := c.h.Items(at, pair)
	if err == nil && total > pair && total <= most {
		items, _, err = c.h.Items(at, -1)
	}
	if err != nil || total == 0 || total > most {
		return false
	}
	names := map[string]bool{}
	for _, it := range items {
		text, ok := textOf(c.h, it.Value)
		if !ok {
			return false // of other things
		}
		if name, value, ok := strings.Cut(text, "="); ok && c.ofShell(name, value) {
			return true
		}
		names[text] = true
	}
	if total == pair {
		name, _ := textOf(c.h, items[0].Value)
		value, _ := textOf(c.h, items[1].Value)
		return c.ofShell(name, value)
	}
	for name := range c.start {
		if !guard.OfShell(name) && !names[name] {
			return false
		}
	}
	return len(names) >= few
}

// inDict says whether a dict has such a variable by a name in another case.
func (c *copyFinder) inDict(at pyheap.Addr) bool {
	const most = 1 << 12
	items, err := c.h.DictItems(at, most)
	if err != nil {
		return false
	}
	for _, it := range items {
		name, ok := textOf(c.h, it.Key)
		if !ok || guard.OfShell(name) || !guard.OfShell(strings.ToUpper(name)) {
			continue
		}
		if value, ok := textOf(c.h, it.Value); ok && c.ofShell(name, value) {
			return true
		}
	}
	return false
}

// inText says whether a text has all variables in it.
func (c *copyFinder) inText(text string) bool {
	const few = 4
	size := 0
	for name, value := range c.start {
		if size += len(name) + len(value); !strings.Contains(text, name) {
			return false
		}
	}
	return len(c.start) >= few && len(text) >= size
}
