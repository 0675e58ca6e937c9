package pyheap

// AttrStep writes the step of a path that leads to an attribute.
func AttrStep(name string) string { return attrLabel(name) }

// TypeNameOf gives the name of a type, "" where there is none at that address.
func (h *Heap) TypeNameOf(typ Addr) string {
	if t := h.typeAt(uint64(typ)); t != nil {
		return h.nameOf(t)
	}
	return ""
}
