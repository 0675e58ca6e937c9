package restore

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// The structures of the program are those of stub/abi.h: a C compiler says so.
func TestABI(t *testing.T) {
	dir := t.TempDir()
	abi, err := filepath.Abs("stub/abi.h")
	if err != nil {
		t.Fatal(err)
	}
	src := `#include <stdio.h>
#include <stddef.h>
#include "` + abi + `"
int main(void) { printf("%zu %zu %zu %zu %zu %zu %zu %zu %d %d %d", sizeof(struct prog), sizeof(struct lib), sizeof(struct map),
	sizeof(struct file), sizeof(struct op), sizeof(struct spawn_args), sizeof(struct run_block), offsetof(struct spawn_args, state),
	OP_SUB, OP_DIE, R_FLAGS); }`
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "a")
	if out, err := exec.Command("gcc", "-o", bin, filepath.Join(dir, "a.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	var a spawnArgs
	want := []int{progHeader, 56, 40, 64, opSize, int(unsafe.Sizeof(a)), runBlockSize, int(unsafe.Offsetof(a.state)), int(opSub), int(opDie), regFlags}
	if got := string(out); got != strings.Trim(fmt.Sprint(want), "[]") {
		t.Errorf("abi.h has %v, Go has %v", got, want)
	}
}

// A program's length must not depend on the offsets in it: they are known last.
func TestProgramEncode(t *testing.T) {
	build := func(off uint64) []byte {
		p := &program{exePath: "/x", sites: []uint32{7}, libs: []library{{Base: 1}}, maps: []earlyMap{{Addr: 4096, FileOff: off}},
			files: []fileMap{{path: "/a"}, {path: "/a"}, {path: "/b"}}}
		p.call(1, imm(off), p.str("s"), reg(2))
		p.ifZero(reg(1), func() { p.emit(opDie, imm(3)); p.phase("x") })
		b, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a, b := build(0), build(1<<40)
	if len(a) != len(b) {
		t.Errorf("%d and %d bytes", len(a), len(b))
	}
	if le.Uint64(a) != abiMagic || int(le.Uint32(a[12:])) != len(a) {
		t.Errorf("header %x", a[:16])
	}
	ops := int(le.Uint32(a[84:]))
	nops := int(le.Uint32(a[80:]))
	if nops != 4 || ops+nops*opSize != len(a) {
		t.Errorf("%d operations at %d of %d bytes", nops, ops, len(a))
	}
	if skip := a[ops+opSize:]; opcode(skip[0]) != opSkipNZ || le.Uint64(skip[16:]) != 2 {
		t.Errorf("the block is skipped by %d", le.Uint64(skip[16:]))
	}
	if _, err := (&program{exePath: "/x"}).encode(); err == nil {
		t.Error("a program without a place to hook ld.so is taken")
	}
}

func TestStubHead(t *testing.T) {
	h, err := readStubHead(stubBlob)
	if err != nil || int(h.end) != len(stubBlob) {
		t.Errorf("%+v of %d bytes: %v", h, len(stubBlob), err)
	}
	for _, b := range [][]byte{nil, stubBlob[:20], stubBlob[:len(stubBlob)-1], make([]byte, 100)} {
		if _, err := readStubHead(b); err == nil {
			t.Errorf("%d bytes are taken for a stub", len(b))
		}
	}
}
