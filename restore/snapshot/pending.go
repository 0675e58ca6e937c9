package snapshot

import (
	"slices"

	"pyfreeze/procmem"
)

const writesOutput = "writes to its standard output"

// pendingAt returns where a text stream keeps how many bytes wait in it; 0 where that is not known,
// or where the stream is not one of io's.
func (s *stackReader) pendingAt(stream procmem.Addr) procmem.Addr {
	if !s.isText(stream) {
		return 0
	}
	return stream + procmem.Addr(s.text)
}

// isText says whether a standard stream is one of io's.
func (s *stackReader) isText(stream procmem.Addr) bool {
	return s.text != none && s.textType != 0 && s.word(stream, s.code.typ) == s.textType
}

// waits returns how many bytes wait in a text stream, and in the buffer below it.
func (s *stackReader) waits(stream procmem.Addr) uint64 {
	if !s.isText(stream) {
		return s.buffered(stream)
	}
	return uint64(s.word(stream, s.text)) + s.buffered(s.word(stream, s.buffer))
}

// buffered returns how many bytes wait in a buffer.
func (s *stackReader) buffered(buffer procmem.Addr) (n uint64) {
	if s.writeEnd != none && s.word(buffer, s.code.typ) == s.bufferType { // else it has none: -u
		from, to := int64(s.word(buffer, s.writePos)), int64(s.word(buffer, s.writeEnd))
		if to > from && from >= 0 { // -1: nothing was written
			n += uint64(to - from)
		}
	}
	return n
}

// pending returns how many bytes of output the program has written that nobody has seen yet: a
// thaw would write them, whatever it would have written by itself.
func (o *observer) pending() (n uint64) {
	for _, stream := range append(o.replaced, o.streams[:]...) {
		n += o.stack.waits(stream)
	}
	return n
}

// findReplaced looks what the program has put in the place of its standard streams: another text
// stream over the same buffer, or what has one, such as those of codecs.
func (o *observer) findReplaced() {
	h, done, err := o.c.heap()
	if err != nil {
		return
	}
	defer done()
	for _, name := range []string{"sys.stdout", "sys.stderr"} {
		for _, inner := range []string{"", ".stream", ".buffer", "._stream", ".wrapped", "._wrapped"} {
			stream, err := h.Lookup(name + inner)
			if at := procmem.Addr(stream); err == nil && !slices.Contains(o.streams[:], at) && !slices.Contains(o.replaced, at) {
				o.replaced = append(o.replaced, at)
			}
		}
	}
}
