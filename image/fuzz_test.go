package image

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpen: whatever the bytes, Open and all that reads the file after it give
// a typed error or something sound. With fix set the head's checksum is made
// right, so that the fuzzer gets behind it.
func FuzzOpen(f *testing.F) {
	// Small, so that the fuzzer is quick: a page of notes, one of data.
	c := &Content{
		Segments: []Segment{{Addr: 0x10000, Data: []byte("data")}, {Addr: 0x20000, MemSize: 1}},
		Program:  []byte("p"), Guards: []byte("g"),
		Extra: []Note{{Type: 1, Data: []byte("table")}, {Type: 2}},
	}
	raw := slurp(f, written(f, c))
	head := int(le.Uint64(raw[headerDesc+8:]))
	for _, n := range []int{len(raw), head, programOff} {
		f.Add(raw[:n], false)
		f.Add(raw[:n], true)
	}
	f.Add(slurp(f, written(f, &Content{})), true)
	path := filepath.Join(f.TempDir(), "fuzz.image")
	f.Fuzz(func(t *testing.T, b []byte, fix bool) {
		if fix && len(b) >= programOff {
			n := le.Uint64(b[headerDesc+8:])
			if n >= programOff && n <= uint64(len(b)) {
				le.PutUint32(b[sumOff:], headSum(b[:n]))
			}
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path)
		if m == nil {
			checkTyped(t, err)
			return
		}
		defer m.Close()
		var te *TruncatedError
		if err != nil && !errors.As(err, &te) {
			t.Fatalf("an image and %v", err)
		}
		checkInvariants(t, m, "fuzz")
		if len(m.Program())+len(m.Guards()) > len(b) {
			t.Fatal("more metadata than file")
		}
		if err := m.Verify(nil); err != nil {
			checkTyped(t, err)
		}
		for _, tab := range m.tables {
			if _, err := m.Extra(tab.typ); err != nil {
				checkTyped(t, err)
			}
		}
	})
}

func checkTyped(t *testing.T, err error) {
	t.Helper()
	var fe *FormatError
	var ve *VersionError
	var te *TruncatedError
	var pe *fs.PathError
	if !errors.As(err, &fe) && !errors.As(err, &ve) && !errors.As(err, &te) && !errors.As(err, &pe) {
		t.Fatalf("untyped error %T: %v", err, err)
	}
}
