package image

import (
	"bytes"
	"debug/elf"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// noise is n bytes that do not compress or repeat, the same for one seed.
func noise(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	r.Read(b)
	return b
}

// sample is a small Content with every feature: unsorted, unaligned, sparse,
// zero-tailed and empty segments, two threads, tables of odd length.
func sample() *Content {
	sparse := make([]byte, 30*pageSize+123)
	copy(sparse[10*pageSize+5:], "island")
	return &Content{
		Pid: 4711, Comm: "python3.11", Args: "/usr/bin/python3.11 -c pass",
		Threads: []Thread{
			{Tid: 4711, Regs: unix.PtraceRegs{Rip: 0x401234, Rsp: 0x7ffc00001000, Rax: 0xdeadbeef}, XState: noise(1, 832), SigMask: 0x10002},
			{Tid: 4712, Regs: unix.PtraceRegs{Rip: 0x405678}, XState: noise(2, 832)},
		},
		Auxv:  make([]byte, 32),
		Files: []FileMapping{{Start: 0x400000, End: 0x402000, PageOff: 1, Path: "/usr/bin/python3.11"}},
		Segments: []Segment{
			{Addr: 0x7f0000000000, Data: noise(3, 2*pageSize), Flags: elf.PF_R | elf.PF_W},
			{Addr: 0x403000, Data: sparse, Flags: elf.PF_R | elf.PF_W},
			{Addr: 0x600010, Data: noise(4, 5000), MemSize: 9000, Flags: elf.PF_R | elf.PF_W},
			{Addr: 0x700000, MemSize: 0x3000, Flags: elf.PF_R},
			{Addr: 0x7ffc00000000, Data: noise(5, pageSize), Flags: elf.PF_R | elf.PF_W, InspectOnly: true},
		},
		Program: []byte("thaw program"),
		Guards:  []byte("guards!"),
		Extra:   []Note{{Type: 7, Data: noise(6, 9999)}, {Type: 3}, {Type: 0xffff, Data: noise(8, 4)}},
	}
}

// written writes c to a new file and returns its path.
func written(t testing.TB, c *Content) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.image")
	if err := Write(path, c, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// opened opens the image at path, which must be sound.
func opened(t testing.TB, path string) *Image {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// dump puts b into a new file and returns its path.
func dump(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "broken.image")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func slurp(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkBytes compares a part of an image with what went into it.
func checkBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes, want %d, or they differ", what, len(got), len(want))
	}
}
