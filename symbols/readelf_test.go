package symbols

import (
	"debug/elf"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pyfreeze/procmem"
)

// otherFiles are executables and libraries of all kinds, built by others.
func otherFiles(t *testing.T) (out []string) {
	t.Helper()
	out = append(out, "/usr/bin/python3.11", "/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6",
		"/lib64/ld-linux-x86-64.so.2", "/bin/sh")
	for _, pattern := range []string{"/usr/lib/python3*/lib-dynload/*.so", "/usr/lib/x86_64-linux-gnu/lib[s-z]*.so.?"} {
		found, _ := filepath.Glob(pattern) // the patterns are fine
		out = append(out, found[:min(len(found), 6)]...)
	}
	return out
}

// readelf runs it on a file.
func readelf(t *testing.T, file string, flags ...string) string {
	t.Helper()
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip(err)
	}
	out, err := exec.Command("readelf", append(flags, file)...).Output()
	if err != nil && len(out) == 0 { // it also fails where a file of debug information is missing
		t.Fatalf("readelf %s: %v", file, err)
	}
	return string(out)
}

// TestDynamicSection compares what a file needs and is called with what readelf says.
func TestDynamicSection(t *testing.T) {
	needed := regexp.MustCompile(`\(NEEDED\).*\[(.*)\]`)
	soname := regexp.MustCompile(`\(SONAME\).*\[(.*)\]`)
	for _, path := range otherFiles(t) {
		f, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		defer f.Close()
		text := readelf(t, path, "-dW")
		var want []string
		for _, m := range needed.FindAllStringSubmatch(text, -1) {
			want = append(want, m[1])
		}
		if got := f.Needed(); !slices.Equal(got, want) {
			t.Errorf("%s needs %v, readelf says %v", path, got, want)
		}
		name := ""
		if m := soname.FindStringSubmatch(text); m != nil {
			name = m[1]
		}
		if f.Soname() != name {
			t.Errorf("%s is called %q, readelf says %q", path, f.Soname(), name)
		}
		if tls := strings.Contains(readelf(t, path, "-lW"), "\n  TLS "); f.HasTLS() != tls {
			t.Errorf("%s has thread-local storage: %t", path, !tls)
		}
	}
}

// TestEveryFunctionHasItsFDE compares the functions of .eh_frame with those that readelf lists.
func TestEveryFunctionHasItsFDE(t *testing.T) {
	line := regexp.MustCompile(`FDE cie=\S+ pc=([0-9a-f]+)\.\.([0-9a-f]+)`)
	for _, path := range otherFiles(t) {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want := map[[2]uint64]bool{}
		for _, m := range line.FindAllStringSubmatch(readelf(t, path, "--debug-dump=frames", "-W"), -1) {
			from, err := strconv.ParseUint(m[1], 16, 64)
			to, err2 := strconv.ParseUint(m[2], 16, 64)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if from < to {
				want[[2]uint64{from, to}] = true
			}
		}
		fdes, err := f.FDEs()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		last := uint64(0)
		for _, fde := range fdes {
			if fde.Begin() < last {
				t.Errorf("%s: the function at %#x comes after that at %#x", path, fde.Begin(), last)
			}
			last = fde.Begin()
			key := [2]uint64{fde.Begin(), fde.End()}
			if fde.Begin() != fde.End() && !want[key] {
				t.Errorf("%s: readelf has no function from %#x to %#x", path, key[0], key[1])
			}
			delete(want, key)
		}
		for key := range want {
			t.Errorf("%s: the function from %#x to %#x is missing", path, key[0], key[1])
		}
	}
}

// TestDynsymsOfAll compares the symbols that files define with those that readelf lists, and finds
// each by its name.
func TestDynsymsOfAll(t *testing.T) {
	for _, path := range otherFiles(t) {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want := map[string]int{}
		defaults := map[string]string{} // of each name its default version
		for _, l := range strings.Split(readelf(t, path, "--dyn-syms", "-W"), "\n") {
			w := strings.Fields(l) // Num: Value Size Type Bind Vis Ndx Name
			if len(w) < 8 || w[6] == "UND" || w[6] == "Ndx" || w[3] == "SECTION" || w[4] == "LOCAL" {
				continue
			}
			size, err := strconv.ParseUint(w[2], 0, 64)
			at, err2 := strconv.ParseUint(w[1], 16, 64)
			if err != nil || err2 != nil {
				continue
			}
			name, version, versioned := strings.Cut(w[7], "@")
			key := fmt.Sprintf("%s %x %d", name, at, size)
			if want[key]++; !versioned || strings.HasPrefix(version, "@") {
				defaults[name] = key
			}
		}
		if err := f.Dynsyms(func(s Sym) {
			key := fmt.Sprintf("%s %x %d", s.Name, uint64(s.Addr), s.Size)
			if want[key] == 0 {
				t.Errorf("%s: readelf has no symbol %s", path, key)
			}
			want[key] = -1
		}); err != nil {
			t.Fatal(err)
		}
		for name, key := range defaults {
			s, ok := f.Dynsym(name)
			if got := fmt.Sprintf("%s %x %d", s.Name, uint64(s.Addr), s.Size); !ok || got != key {
				t.Errorf("%s: %s is %s (%t), readelf says %s", path, name, got, ok, key)
			}
			if want[key] > 0 {
				t.Errorf("%s: %s is not among all symbols", path, key)
			}
		}
		if _, ok := f.Dynsym("no such symbol"); ok {
			t.Errorf("%s defines what nobody does", path)
		}
	}
}

// TestSymbolsOfAddresses: each function is found by its first and its last byte.
func TestSymbolsOfAddresses(t *testing.T) {
	f, err := Open("/usr/bin/python3.11")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	lay, err := LoadLayout(f)
	if err != nil {
		t.Fatal(err)
	}
	at := map[procmem.Addr][]Sym{}
	if err := f.Dynsyms(func(s Sym) {
		if s.Type == elf.STT_FUNC && s.Size > 0 {
			at[s.Addr] = append(at[s.Addr], s)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for a, syms := range at {
		for _, off := range []uint64{0, syms[0].Size - 1} {
			s, o, ok := lay.SymbolAt(a + procmem.Addr(off))
			if !ok || o != off || s.Addr != a {
				t.Errorf("%v+%#x is %s+%#x (%t), want %s", a, off, s.Name, o, ok, syms[0].Name)
			}
		}
	}
	if len(at) < 1000 {
		t.Errorf("%d functions", len(at))
	}
}
