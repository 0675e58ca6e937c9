package captured

import (
	"pyfreeze/pyheap"
	"pyfreeze/restore/guard"
)

// maxEnvirons bounds how many copies of the environment are found.
const maxEnvirons = 100

// Environs returns the dicts that have taken the whole environment, as dict(os.environ) does, with
// what was added or changed since, as far as a thaw must set anew what tells where a shell is.
// environ is what the process was started with.
func Environs(h *pyheap.Heap, w *pyheap.Walk, environ []string) (out []uint64) {
	own, err := h.Lookup("posix.environ")
	if err != nil {
		return nil
	}
	start := map[string]string{}
	for _, entry := range environ {
		for i := range entry {
			if entry[i] != '=' {
				continue
			}
			if name := entry[:i]; guard.Lookup(environ, name) != nil {
				start[asText(name)] = asText(*guard.Lookup(environ, name))
			}
			break
		}
	}
	for _, o := range w.OfType("builtins.dict") {
		if o.Addr != own && len(out) < maxEnvirons && tookEnviron(h, o.Addr, start) {
			out = append(out, uint64(o.Addr))
		}
	}
	return out
}

// tookEnviron says whether a dict has a variable that tells where a shell is, as it was at the
// start, or all others.
func tookEnviron(h *pyheap.Heap, dict pyheap.Addr, start map[string]string) bool {
	const most, few = 1 << 12, 4
	items, err := h.DictItems(dict, most)
	if err != nil || len(items) == 0 {
		return false
	}
	same := 0
	for _, it := range items {
		name, ok := textOf(h, it.Key)
		was, known := start[name]
		if !ok || !known {
			continue
		}
		value, ok := textOf(h, it.Value)
		switch {
		case !ok || value != was:
		case guard.OfShell(name):
			return true
		default:
			same++
		}
	}
	others := 0
	for name := range start {
		if !guard.OfShell(name) {
			others++
		}
	}
	return same == others && others >= few
}

// textOf reads a str, or bytes as os.fsdecode gives them.
func textOf(h *pyheap.Heap, at pyheap.Addr) (string, bool) {
	if s, err := h.Str(at); err == nil {
		return s, true
	}
	b, err := h.Bytes(at)
	return asText(string(b)), err == nil
}
