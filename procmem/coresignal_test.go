package procmem

import (
	"debug/elf"
	"strings"
	"testing"
)

func status(tid, sig int) []byte {
	b := make([]byte, prstatusSize)
	order.PutUint16(b[prstatusSig:], uint16(sig))
	order.PutUint32(b[prstatusPid:], uint32(tid))
	return note("CORE", ntPrstatus, b)
}

func siginfo(sig, code int32, word uint64) []byte {
	b := make([]byte, 128)
	order.PutUint32(b, uint32(sig))
	order.PutUint32(b[siginfoCode:], uint32(code))
	order.PutUint64(b[siginfoUnion:], word)
	return note("CORE", ntSiginfo, b)
}

func TestCoreSignal(t *testing.T) {
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	memory := load{0x400000, 4, elf.PF_R | elf.PF_W, []byte("data")}
	for want, notes := range map[string][]byte{
		"7: SIGSEGV at 0x8 (nothing is mapped there)": join(status(7, 11), siginfo(11, 1, 8), status(8, 11)),
		"7: SIGSEGV (no valid address)":               join(status(7, 11), siginfo(11, 128, 0)),
		"7: SIGABRT from process 99":                  join(status(7, 6), siginfo(6, -6, 99), status(8, 6)),
		"7: SIGBUS":                                   status(7, 7), // an old core
		"":                                            join(status(7, 0), siginfo(0, 0, 0), status(8, 0)),
		" ":                                           join(status(7, 19), siginfo(19, 0, 1)), // a debugger's
	} {
		core, err := loadBytes(t, makeCore(notes, memory))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if s := core.Signal; s != nil {
			got = "7: " + s.String()
			if s.Tid != 7 {
				t.Errorf("%+v", s)
			}
		}
		if got != strings.TrimSpace(want) {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// A core without private memory says what to do; one where a part was not to be dumped does not.
func TestLeftOut(t *testing.T) {
	files := note("CORE", ntFile, append(put64(nil, 1, 4096, 0x10000, 0x11000, 0), "/etc/passwd\x00"...))
	rw := elf.PF_R | elf.PF_W
	core, err := loadBytes(t, makeCore(files, load{0x10000, 0x1000, rw, nil}, load{0x20000, 0x2000, rw, nil}))
	if err != nil {
		t.Fatal(err)
	}
	if s := core.Lacks.String(); !strings.Contains(s, "coredump_filter") {
		t.Errorf("says %q", s)
	}
	if b, err := core.Space.Bytes(0x10000, 4); err == nil {
		t.Errorf("%q of a file is taken for the memory that was left out", b)
	}
	core, err = loadBytes(t, makeCore(files, load{0x20000, 0x1000, rw, make([]byte, 0x1000)}, load{0x30000, 0x2000, rw, nil}))
	if err != nil || core.Lacks.String() != "" {
		t.Errorf("%v, %q", err, core.Lacks.String())
	}
}
