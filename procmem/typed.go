package procmem

import (
	"bytes"
	"encoding/binary"
)

// order is the byte order of all machines that pyfreeze knows.
var order = binary.LittleEndian

// U8 reads one byte. This and the other typed reads give a [*ReadError] when the
// value is not wholly in known memory; they need no alignment.
func (s *Space) U8(a Addr) (uint8, error) {
	if w, ok := s.window(a, 1); ok {
		return w[0], nil
	}
	return 0, &ReadError{Addr: a, Len: 1, Err: ErrUnmapped}
}

// U16 reads an unsigned 16-bit integer.
func (s *Space) U16(a Addr) (uint16, error) {
	if w, ok := s.window(a, 2); ok && len(w) >= 2 {
		return order.Uint16(w), nil
	}
	p, err := s.Bytes(a, 2)
	if err != nil {
		return 0, err
	}
	return order.Uint16(p), nil
}

// U32 reads an unsigned 32-bit integer.
func (s *Space) U32(a Addr) (uint32, error) {
	if w, ok := s.window(a, 4); ok && len(w) >= 4 {
		return order.Uint32(w), nil
	}
	p, err := s.Bytes(a, 4)
	if err != nil {
		return 0, err
	}
	return order.Uint32(p), nil
}

// U64 reads an unsigned 64-bit integer.
func (s *Space) U64(a Addr) (uint64, error) {
	if w, ok := s.window(a, 8); ok && len(w) >= 8 {
		return order.Uint64(w), nil
	}
	p, err := s.Bytes(a, 8)
	if err != nil {
		return 0, err
	}
	return order.Uint64(p), nil
}

// I32 reads a signed 32-bit integer.
func (s *Space) I32(a Addr) (int32, error) {
	v, err := s.U32(a)
	return int32(v), err
}

// I64 reads a signed 64-bit integer.
func (s *Space) I64(a Addr) (int64, error) {
	v, err := s.U64(a)
	return int64(v), err
}

// Ptr reads a pointer. Whether it points anywhere is not checked.
func (s *Space) Ptr(a Addr) (Addr, error) {
	v, err := s.U64(a)
	return Addr(v), err
}

// CString reads a string that ends in a NUL byte, which is not part of the
// result. A string with no NUL in its first max bytes is an error that wraps
// ErrNoTerminator.
func (s *Space) CString(a Addr, max int) (string, error) {
	var joined []byte
	for at := a; len(joined) < max; {
		w, ok := s.window(at, uint64(max-len(joined)))
		if !ok {
			return "", &ReadError{Addr: at, Len: 1, Err: ErrUnmapped}
		}
		w = w[:min(len(w), max-len(joined))]
		if i := bytes.IndexByte(w, 0); i >= 0 {
			return string(append(joined, w[:i]...)), nil
		}
		joined = append(joined, w...)
		at += Addr(len(w))
	}
	return "", &ReadError{Addr: a, Len: uint64(len(joined)) + 1, Err: ErrNoTerminator}
}
