package symbols

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const libc = "/lib/x86_64-linux-gnu/libc.so.6"

func TestOpenLibc(t *testing.T) {
	if _, err := os.Stat(libc); err != nil {
		t.Skip("no Debian libc here")
	}
	f := openT(t, libc)
	if f.Soname() != "libc.so.6" || !f.HasTLS() || f.Machine != elf.EM_X86_64 || f.Inode == 0 || !slices.Contains(f.Needed(), "ld-linux-x86-64.so.2") {
		t.Errorf("soname %q, TLS %v, needs %v", f.Soname(), f.HasTLS(), f.Needed())
	}
	// memcpy has an old and a default version; only the latter is what programs get today.
	var all []Sym
	if err := f.Dynsyms(func(s Sym) {
		if s.Name == "memcpy" {
			all = append(all, s)
		}
	}); err != nil {
		t.Fatal(err)
	}
	s, ok := f.Dynsym("memcpy")
	out, err := exec.Command("readelf", "--dyn-syms", "-W", libc).Output()
	if err != nil {
		t.Skip("no readelf")
	}
	found := false
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, " memcpy@@") {
			found = strings.Contains(line, strings.TrimPrefix(s.Addr.String(), "0x"))
		}
	}
	if !ok || len(all) != 2 || !found {
		t.Errorf("default memcpy: %+v of %+v", s, all)
	}
	if id, err := exec.Command("readelf", "-n", libc).Output(); err == nil && !strings.Contains(string(id), "Build ID: "+f.BuildID()+"\n") {
		t.Errorf("build-id %s, but readelf says %s", f.BuildID(), id)
	}
}

// What CPYTHON-FACTS says of the executable's relocations.
func TestDebianRelocations(t *testing.T) {
	if _, err := os.Stat(debianPython); err != nil {
		t.Skip("no " + debianPython)
	}
	f := openT(t, debianPython)
	rel, err := f.Relocations()
	if err != nil {
		t.Fatal(err)
	}
	copies := map[string]uint64{}
	slots, xml := 0, 0
	for _, r := range rel {
		switch r.Type {
		case elf.R_X86_64_JMP_SLOT:
			slots++
			if !r.Undef || r.Off < 0x941000 || r.Off >= 0x941f80 {
				t.Errorf("%+v", r)
			}
		case elf.R_X86_64_COPY:
			copies[r.Sym] = uint64(r.Off)
			if r.SymSize != 8 || r.SymAddr != r.Off || r.Undef || r.Version != "GLIBC_2.2.5" {
				t.Errorf("%+v", r)
			}
		case elf.R_X86_64_64:
			if strings.HasPrefix(r.Sym, "XML_Set") && r.Off >= 0xa4f1e8 && r.Off <= 0xa4f728 {
				xml++
			}
		}
	}
	want := map[string]uint64{"environ": 0xa7ed60, "stdin": 0xa7ed70, "stderr": 0xa7ed80, "stdout": 0xa7ed88}
	for name, at := range want {
		if copies[name] != at && copies["__"+name] != at {
			t.Errorf("COPY relocations %x lack %s at %#x", copies, name, at)
		}
	}
	if slots != 494 || xml != 17 {
		t.Errorf("%d jump slots, %d words of pyexpat", slots, xml)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	elf32 := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 60)...)
	arm := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 60)...)
	arm[18] = byte(elf.EM_AARCH64)
	tiny, err := os.ReadFile("testdata/tiny5.so")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		data []byte
		want string
	}{
		"empty":  {nil, "not an ELF file"},
		"script": {[]byte("#!/bin/sh\n"), "a script"},
		"text":   {[]byte("hello"), "not an ELF file"},
		"short":  {[]byte("\x7fELF"), "truncated"},
		"32bit":  {elf32, "32-bit"},
		"arm":    {arm, "EM_AARCH64"},
		"head":   {tiny[:64], "damaged"},
	}
	for name, c := range cases {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		fe, ok := errors.AsType[*FormatError](err)
		if !ok || fe.Path != path || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(dir); err == nil {
		t.Error("a directory was opened")
	}
	if _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}
