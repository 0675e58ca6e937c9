package pyheap

// visitMmap notes the pages of an mmap.mmap: they are data, whatever they look like.
func (h *Heap) visitMmap(v visitor, a uint64, t *typeInfo) {
	for i := 0; !t.exact && t.base != nil && i < maxBaseDepth; i++ {
		t = t.base
	}
	p := h.shapeOf(t).own
	if p == nil {
		return
	}
	data, err := p.lay.Field(p.name, "data")
	size, err2 := p.lay.Field(p.name, "size")
	if err != nil || err2 != nil || size.Offset+8 > t.basicsize || data.Offset+8 > t.basicsize {
		return
	}
	h.visitBuffer(v, a, data.Offset, size.Offset, 1)
}
