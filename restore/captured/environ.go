package captured

import (
	"bytes"
	"slices"
	"strings"

	"pyfreeze/restore/guard"

	"pyfreeze/pyheap"
)

// EnvChange is a variable that the frozen program has set in os.environ, or deleted from it: modules do so when they are imported, and what
// they import, and the programs that they start, look there.
type EnvChange struct {
	Name  []byte `json:"name"`  // bytes, since neither need be text
	Value []byte `json:"value"` // nil: deleted
}

const maxVariables = 1 << 16

// EnvChanges compares os.environ with what the process was started with. A thaw makes the same changes to its own environment; it must
// have the variables as they were before (they are guards), since the program might have done something else then.
func EnvChanges(h *pyheap.Heap, environ []string) (out []EnvChange) {
	dict, err := h.Lookup("posix.environ") // which os.environ and os.environb show
	if err != nil {
		return nil
	}
	items, err := h.DictItems(dict, maxVariables)
	if err != nil {
		return nil
	}
	now := map[string]string{}
	for _, it := range items {
		key, err := h.Bytes(it.Key)
		value, err2 := h.Bytes(it.Value)
		if err != nil || err2 != nil {
			return nil // something of the program's own is in its place
		}
		now[string(key)] = string(value)
	}
	change := func(name string, value []byte) {
		// The interpreter itself sets LC_CTYPE where it takes another locale than C (PEP 538); so does a thaw.
		if name != "" && name != "LC_CTYPE" && !strings.HasSuffix(name, "*") {
			out = append(out, EnvChange{[]byte(name), value})
		}
	}
	for name, value := range now {
		if old := guard.Lookup(environ, name); old == nil || *old != value {
			change(name, append([]byte{}, value...)) // empty is not nil
		}
	}
	for _, entry := range environ {
		name, _, ok := strings.Cut(entry, "=")
		if _, still := now[name]; ok && !still {
			change(name, nil)
		}
	}
	slices.SortFunc(out, func(a, b EnvChange) int { return bytes.Compare(a.Name, b.Name) })
	return slices.CompactFunc(out, func(a, b EnvChange) bool { return bytes.Equal(a.Name, b.Name) })
}

// Names gives the variables that were changed.
func Names(changes []EnvChange) (out []string) {
	for _, c := range changes {
		out = append(out, string(c.Name))
	}
	return out
}
