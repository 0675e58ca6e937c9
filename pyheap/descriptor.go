package pyheap

import "pyfreeze/symbols"

// descriptorFields are the types that keep a file descriptor, and the int that holds it.
var descriptorFields = map[string]struct{ typ, field string }{
	"_io.FileIO":     {"fileio", "fd"},
	"_socket.socket": {"PySocketSockObject", "sock_fd"},
	"select.epoll":   {"pyEpoll_Object", "epfd"},
	"mmap.mmap":      {"mmap_object", "fd"},
}

// DescriptorTypes gives the names of the types that [Heap.Descriptor] knows. Their subclasses count
// too, as with [Walk.OfType].
func DescriptorTypes() []string {
	return []string{"_io.FileIO", "_socket.socket", "select.epoll", "mmap.mmap"}
}

// Descriptor gives the file descriptor that an object of one of [DescriptorTypes] keeps, -1 if it was
// closed. It fails when the object is of another type, and when the debug information of the
// extension module that defines the type is missing.
func (h *Heap) Descriptor(obj Addr) (int, error) {
	at, err := h.DescriptorAddr(obj)
	if err != nil {
		return -1, err
	}
	fd, ok := h.view.u32(uint64(at))
	if !ok {
		return -1, &ObjectError{Addr: obj, Want: "an object with a descriptor", Err: errNotMapped}
	}
	return int(int32(fd)), nil
}

// DescriptorAddr gives the address of the C int in which an object of one of [DescriptorTypes] keeps its
// descriptor. Errors are those of [Heap.Descriptor].
func (h *Heap) DescriptorAddr(obj Addr) (Addr, error) {
	off, err := h.descriptorOffset(obj)
	return obj + Addr(off), err
}

func (h *Heap) descriptorOffset(obj Addr) (uint64, error) {
	t, err := h.typeOf(uint64(obj))
	if err != nil {
		return 0, err
	}
	for i := 0; t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		f, ok := descriptorFields[h.nameOf(t)]
		if !ok {
			continue
		}
		lay, err := h.layoutOf(t, f.typ)
		if err != nil {
			return 0, &ObjectError{Addr: obj, Want: "a readable " + h.nameOf(t), Err: err}
		}
		field, err := lay.Field(f.typ, f.field)
		if err != nil {
			return 0, &LayoutError{Missing: []string{f.typ + "." + f.field}}
		}
		return field.Offset, nil
	}
	return 0, &ObjectError{Addr: obj, Want: "an object with a descriptor"}
}

// layoutOf gives the layout of the file that defines a static or spec-made type.
func (h *Heap) layoutOf(t *typeInfo, structName string) (*symbols.Layout, error) {
	if _, err := h.lay.Struct(structName); err == nil {
		return h.lay, nil
	}
	if lay := h.layoutOfDealloc(t); lay != nil {
		return lay, nil
	}
	return nil, &LayoutError{Missing: []string{"struct " + structName + " of the module that defines " + h.nameOf(t)}}
}
