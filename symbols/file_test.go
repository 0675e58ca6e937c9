package symbols

import (
	"debug/elf"
	"errors"
	"fmt"
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

// readelf is another reader of the executable's relocations.
func TestDebianRelocations(t *testing.T) {
	if _, err := os.Stat(debianPython); err != nil {
		t.Skip("no " + debianPython)
	}
	rel, err := openT(t, debianPython).Relocations()
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("readelf", "-rW", debianPython).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{} // by place
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 5 && strings.HasPrefix(f[2], "R_X86_64") {
			name, _, _ := strings.Cut(f[4], "@")
			want[strings.TrimLeft(f[0], "0")] = strings.Replace(f[2], "JUMP_SLOT", "JMP_SLOT", 1) + " " + name
		}
	}
	kinds := map[elf.R_X86_64]int{}
	copies := map[string]bool{}
	for _, r := range rel {
		if r.Sym == "" {
			continue
		}
		kinds[r.Type]++
		if got := r.Type.String() + " " + r.Sym; want[fmt.Sprintf("%x", uint64(r.Off))] != got {
			t.Errorf("at %v: %q, readelf says %q", r.Off, got, want[fmt.Sprintf("%x", uint64(r.Off))])
		}
		if r.Type == elf.R_X86_64_COPY {
			copies[strings.TrimLeft(r.Sym, "_")] = true
			if r.SymSize != 8 || r.SymAddr != r.Off || r.Undef || r.Version != "GLIBC_2.2.5" {
				t.Errorf("%+v", r)
			}
		}
	}
	for _, name := range []string{"environ", "stdin", "stdout", "stderr"} {
		if !copies[name] {
			t.Errorf("no COPY relocation for %s", name)
		}
	}
	if kinds[elf.R_X86_64_JMP_SLOT] < 400 || kinds[elf.R_X86_64_64] < 17 || len(want) < 500 {
		t.Errorf("%v of %d", kinds, len(want))
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
