package guard

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
)

// cpuFlags are the processor's features as the kernel names them.
func cpuFlags(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, "flags"); ok {
			return strings.Fields(rest)
		}
	}
	t.Fatal("/proc/cpuinfo has no flags")
	return nil
}

// TestCPU compares bits of each of the words with what the kernel says of the same processor, so
// that no leaf or register is taken for another.
func TestCPU(t *testing.T) {
	flags, words := cpuFlags(t), CPU()
	for _, f := range []struct {
		name      string
		word, bit int
	}{
		{"fpu", 0, 0}, {"sse2", 0, 26}, {"ssse3", 0, 32 + 9}, {"sse4_2", 0, 32 + 20}, {"avx", 0, 32 + 28},
		{"rdrand", 0, 32 + 30}, {"bmi2", 1, 32 + 8}, {"avx2", 1, 32 + 5}, {"erms", 1, 32 + 9},
		{"vaes", 1, 9},
	} {
		if got, want := words[f.word]>>f.bit&1 != 0, slices.Contains(flags, f.name); got != want {
			t.Errorf("%s is %t, the kernel says %t", f.name, got, want)
		}
	}
	if words != CPU() {
		t.Error("asked again it has other features")
	}
	features, size := XSave()
	if features&3 != 3 || (features>>2&1 != 0) != slices.Contains(flags, "avx") || features&amx != 0 {
		t.Errorf("the kinds of registers are %#x", features)
	}
	if min := uint64(576); size < min || features>>2&1 != 0 && size < min+256 {
		t.Errorf("they have %d bytes", size)
	}
	if words[2]&^amx != features&0xffffffff {
		t.Errorf("CPU has the kinds %#x, XSave %#x", words[2], features)
	}
}

// TestForgetVectors fills an area: what programs put there goes, what the processor needs to load
// it stays, and so do the rights to memory, where there are any.
func TestForgetVectors(t *testing.T) {
	_, size := XSave()
	for _, rights := range []bool{false, true} {
		area := bytes.Repeat([]byte{0xa5}, int(size))
		has := uint64(0xff) // all that programs use
		if rights {
			has |= 1 << 9
		}
		le.PutUint64(area[512:], has)
		want := bytes.Clone(area)
		clear(want[32:416])
		clear(want[576:])
		length, offset, _, _ := cpuid(13, 9)
		if rights && length == 8 {
			copy(want[offset:], bytes.Repeat([]byte{0xa5}, 8))
		}
		ForgetVectors(area)
		if !bytes.Equal(area, want) {
			t.Errorf("rights %t: other bytes stay than those of the headers and the rights", rights)
		}
	}
	for n := range 576 { // shorter than the standard form: nobody knows what it is
		area := bytes.Repeat([]byte{1}, n)
		if ForgetVectors(area); bytes.IndexByte(area, 0) >= 0 {
			t.Errorf("an area of %d bytes was changed", n)
		}
	}
}
