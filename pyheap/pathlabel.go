package pyheap

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// attrLabel writes the step to an attribute.
func attrLabel(name string) string {
	for i, c := range name {
		if c != '_' && !unicode.IsLetter(c) && (i == 0 || !unicode.IsDigit(c)) {
			return ".__dict__[" + quote(name) + "]"
		}
	}
	if name == "" || slices.Contains(structural, name) {
		return ".__dict__[" + quote(name) + "]"
	}
	return "." + name
}

// structural are names that lead elsewhere as steps: to fields of the C struct.
var structural = []string{"__dict__", "__class__", "__mro__", "__bases__", "__base__"}

// keyLabel writes the step to the value of a key: the repr of the key, with its address where that
// is cut or may be another's, too.
func (h *Heap) keyLabel(key uint64) string {
	text := h.Repr(Addr(key), MaxKeyShown)
	if !strings.HasSuffix(text, "...") || h.Repr(Addr(key), 2*MaxKeyShown) == text {
		t, err := h.typeOf(key)
		if err == nil && (t.exact && (t.kind == kindStr || t.kind == kindInt || t.kind == kindBytes) || strings.Contains(text, fmt.Sprintf("%#x", key))) {
			return "[" + text + "]"
		}
		if name := ""; err == nil {
			name = h.nameOf(t)
			if name == "builtins.NoneType" || name == "builtins.bool" {
				return "[" + text + "]"
			}
		}
	}
	return fmt.Sprintf("[%s <%#x>]", text, key)
}

// wordOf gives the offset of the word of an object that leads to a block.
func (h *Heap) wordOf(a uint64, t *typeInfo, to uint64) (off uint64, ok bool) {
	return wordIn(h.view.clip(a, h.ownSize(a, t)), to)
}

func wordIn(b []byte, to uint64) (off uint64, ok bool) {
	for ; off+8 <= uint64(len(b)); off += 8 {
		if le64(b, off) == to {
			return off, true
		}
	}
	return 0, false
}

// frameLabel names a frame of a thread: by its address, too, where another one before it has the
// same name.
func (h *Heap) frameLabel(f uint64) string {
	label, ok := h.plainFrameLabel(f)
	if !ok {
		return fmt.Sprintf("frame at %#x", f)
	}
	if first, ok := h.frameNamed(label); ok && first != f {
		return fmt.Sprintf("frame at %#x, %s", f, strings.TrimPrefix(label, "frame "))
	}
	return label
}

func (h *Heap) plainFrameLabel(f uint64) (string, bool) {
	fr, err := h.readFrame(f)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("frame %s() in %s:%d", fr.Name, fr.File, fr.Line), true
}

// frameNamed finds the first frame of all threads that has a label.
func (h *Heap) frameNamed(label string) (uint64, bool) {
	if h.frames == nil {
		h.frames = map[string]uint64{}
		threads, err := h.Threads()
		if err != nil {
			return 0, false
		}
		for _, t := range threads {
			// Those before a damage count.
			_ = h.eachFrame(uint64(t.Addr), func(f uint64) {
				if l, ok := h.plainFrameLabel(f); ok {
					if _, known := h.frames[l]; !known {
						h.frames[l] = f
					}
				}
			})
		}
	}
	f, ok := h.frames[label]
	return f, ok
}

// threadLabel names a thread state.
func (h *Heap) threadLabel(t Thread) string {
	if t.NativeID != 0 {
		return fmt.Sprintf("thread state of thread %d", t.NativeID)
	}
	return fmt.Sprintf("thread state at %#x", uint64(t.Addr))
}
