package image

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCut: wherever the file ends, it is noticed, and named; what is whole of
// the head can be read.
func TestCut(t *testing.T) {
	c := sample()
	c.Guards = noise(1, 20000) // so that the head is several pages
	raw := slurp(t, written(t, c))
	head := int(le.Uint64(raw[headerDesc+8:]))
	cuts := []int{0, 1, 3, 4, 5, 63, 64, programOff - 1, programOff, head - 1, head, head + 1, len(raw) - 1}
	for n := pageSize; n < len(raw); n += pageSize {
		cuts = append(cuts, n)
	}
	for _, n := range cuts {
		m, err := Open(dump(t, raw[:n]))
		var fe *FormatError
		var te *TruncatedError
		switch {
		case n < head:
			if m != nil || !errors.As(err, &fe) || fe.Path == "" {
				t.Errorf("cut to %d: %v, %v", n, m, err)
			}
		case m == nil || !errors.As(err, &te) || te.Size != uint64(n) || te.Want != uint64(len(raw)):
			t.Errorf("cut to %d: %v, %v", n, m, err)
		default:
			checkBytes(t, "guards of a cut image", m.Guards(), c.Guards)
			checkBytes(t, "guards of a cut image", m.Guards(), c.Guards)
			if err := m.Verify(nil); !errors.As(err, &te) {
				t.Errorf("cut to %d: Verify: %v", n, err)
			}
			if _, err := m.Extra(0xffff); !errors.As(err, &te) {
				t.Errorf("cut to %d: Extra: %v", n, err)
			}
			m.Close()
		}
	}
}

func TestTooLong(t *testing.T) {
	raw := slurp(t, written(t, sample()))
	m, err := Open(dump(t, append(raw, 0)))
	var te *TruncatedError
	if m == nil || !errors.As(err, &te) || !strings.Contains(err.Error(), "longer") {
		t.Fatalf("%v, %v", m, err)
	}
	m.Close()
}

// TestEveryByte: there is no byte in the file whose change goes unnoticed.
func TestEveryByte(t *testing.T) {
	c := sample()
	c.Segments = append(c.Segments[:0:0], Segment{Addr: 0x1010, Data: noise(1, 4100)}, Segment{Addr: 0x8000, Data: make([]byte, 6*pageSize+1)})
	raw := slurp(t, written(t, c))
	head := int(le.Uint64(raw[headerDesc+8:]))
	path := dump(t, raw)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// Notes and headers byte by byte, memory and padding here and there.
	for i, step := 0, 1; i < len(raw); i += step {
		if i > head+pageSize {
			step = 7
		}
		if _, err := f.WriteAt([]byte{raw[i] ^ 0x20}, int64(i)); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path)
		if err == nil {
			if i < head {
				t.Errorf("byte 0x%x of the head: Open does not notice", i)
			}
			err = m.Verify(nil)
			m.Close()
		}
		if err == nil {
			t.Errorf("byte 0x%x: not noticed", i)
		}
		if _, err := f.WriteAt(raw[i:i+1], int64(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExtraDamaged: Extra alone notices, without Verify.
func TestExtraDamaged(t *testing.T) {
	c := sample()
	raw := slurp(t, written(t, c))
	raw[bytes.Index(raw, c.Extra[0].Data)+77] ^= 1
	m := opened(t, dump(t, raw))
	var fe *FormatError
	if _, err := m.Extra(c.Extra[0].Type); !errors.As(err, &fe) {
		t.Errorf("damaged table: %v", err)
	}
	if _, err := m.Extra(c.Extra[2].Type); err != nil {
		t.Errorf("sound table: %v", err)
	}
}

func TestOtherVersion(t *testing.T) {
	raw := slurp(t, written(t, sample()))
	le.PutUint32(raw[headerDesc:], Version+1)
	var ve *VersionError
	if _, err := Open(dump(t, raw)); !errors.As(err, &ve) || ve.Got != Version+1 {
		t.Errorf("version %d: %v", Version+1, err)
	}
}

func TestNotAnImage(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		exe:                                "not a core",
		dir:                                "not a regular file",
		fifo:                               "not a regular file",
		"/dev/zero":                        "not a regular file",
		dump(t, noise(1, 100)):             "no ELF magic",
		dump(t, noise(1, 1000)):            "no ELF magic",
		dump(t, []byte("#!/bin/sh\n")):     "no ELF magic",
		dump(t, nil):                       "no ELF magic",
		dump(t, foreignCore(t)):            "not a pyfreeze image",
		dump(t, patch(t, 18, []byte{183})): "another machine",
		dump(t, patch(t, 4, []byte{1})):    "64-bit",
	} {
		var fe *FormatError
		if m, err := Open(path); m != nil || !errors.As(err, &fe) || fe.Path != path || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// patch is an image with b at off.
func patch(t *testing.T, off int, b []byte) []byte {
	raw := slurp(t, written(t, sample()))
	copy(raw[off:], b)
	return raw
}

// foreignCore is a core file as another program would write it.
func foreignCore(t *testing.T) []byte {
	return patch(t, ehdrSize+noteHdr, []byte("CORE\x00\x00\x00\x00\x00\x00\x00\x00"))
}

func BenchmarkOpen(b *testing.B) {
	c := &Content{Program: noise(2, 40<<10), Guards: noise(3, 62<<10)}
	for i := range 400 {
		c.Segments = append(c.Segments, Segment{Addr: uint64(i+1) << 20, Data: noise(uint64(i), pageSize)})
	}
	path := written(b, c)
	b.ReportAllocs()
	for b.Loop() {
		m, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		m.Close()
	}
}
