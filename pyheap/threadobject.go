package pyheap

// ThreadObject is what the threading module knows of a thread.
type ThreadObject struct {
	Addr   Addr
	Name   string
	Daemon *bool // nil when it is not known
}

const maxThreadObjects = 1 << 16

// ThreadObjects gives the threading.Thread objects of threading._active by thread id ([Thread.ThreadID]);
// none when the module was not imported.
func (h *Heap) ThreadObjects() map[uint64]ThreadObject {
	out := map[uint64]ThreadObject{}
	active, err := h.Lookup("threading._active")
	if err != nil {
		return out
	}
	items, err := h.DictItems(active, maxThreadObjects)
	if err != nil {
		return out
	}
	defer h.begin(h.callLimit())()
	for _, it := range items {
		id, err := h.BigInt(it.Key)
		if err != nil || !id.IsUint64() {
			continue
		}
		t := ThreadObject{Addr: it.Value}
		for _, name := range []string{"_name"} {
			if v, err := h.Attr(it.Value, name); err == nil && t.Name == "" {
				t.Name, _ = h.Str(v) // "" when it is no str
			}
		}
		if v, err := h.Attr(it.Value, "_daemonic"); err == nil {
			if n, err := h.Int(v); err == nil {
				daemon := n != 0
				t.Daemon = &daemon
			}
		}
		out[id.Uint64()] = t
	}
	return out
}
