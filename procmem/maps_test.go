package procmem

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMaps(t *testing.T) {
	text := strings.Join([]string{
		`00400000-0041f000 r--p 00000000 fe:01 1234                               /usr/bin/python3.11`,
		`0a7f000-0ac4000 rw-p 00000000 00:00 0 `,
		`7f0000000000-7f0000001000 rw-s 00002000 103:0a 18446744073709551615       /dev/shm/a b (deleted)`,
		`7f0000001000-7f0000002000 r-xp 00001000 00:1f 7                          /tmp/new\012line\101`,
		`7ffeb003e000-7ffeb005f000 rw-p 00000000 00:00 0                          [stack]`,
		`ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]`,
	}, "\n") + "\n"
	got, err := ParseMaps(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Mapping{
		{Range: Range{0x400000, 0x41f000}, Read: true, Major: 0xfe, Minor: 1, Inode: 1234, Path: "/usr/bin/python3.11"},
		{Range: Range{0xa7f000, 0xac4000}, Read: true, Write: true},
		{Range: Range{0x7f0000000000, 0x7f0000001000}, Read: true, Write: true, Shared: true, Offset: 0x2000,
			Major: 0x103, Minor: 10, Inode: 1<<64 - 1, Path: "/dev/shm/a b", Deleted: true},
		{Range: Range{0x7f0000001000, 0x7f0000002000}, Read: true, Exec: true, Offset: 0x1000, Minor: 0x1f, Inode: 7,
			Path: "/tmp/new\nline\\101"},
		{Range: Range{0x7ffeb003e000, 0x7ffeb005f000}, Read: true, Write: true, Path: "[stack]"},
		{Range: Range{0xffffffffff600000, 0xffffffffff601000}, Exec: true, Path: "[vsyscall]"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseMapsErrors(t *testing.T) {
	good := "1000-2000 rw-p 00000000 00:00 0\n"
	for _, bad := range []string{
		"x", "1000 rw-p 0 00:00 0", "2000-1000 rw-p 0 00:00 0", "1000-1000 rw-p 0 00:00 0", "1000-2000 rw- 0 00:00 0",
		"1000-2000 rwxq 0 00:00 0", "1000-2000 zw-p 0 00:00 0", "1000-2000 rw-p zz 00:00 0", "1000-2000 rw-p 0 0000 0",
		"1000-2000 rw-p 0 00:00 x", "10000000000000000-20000000000000000 rw-p 0 00:00 0", strings.Repeat("y", maxMapsLine),
	} {
		_, err := ParseMaps(strings.NewReader(good + bad + "\n"))
		var e *MapsError
		if !errors.As(err, &e) || e.Line != 2 {
			t.Errorf("%.40q: %v, want an error in line 2", bad, err)
		}
	}
}

func TestReadMaps(t *testing.T) {
	maps, err := ReadMaps(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for i, m := range maps {
		found[m.Path] = true
		if i > 0 && m.Start < maps[i-1].End {
			t.Errorf("%v comes after %v", m.Range, maps[i-1].Range)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if !found[exe] || !found["[stack]"] || !found["[vdso]"] {
		t.Errorf("mappings of %s, the stack or the vDSO are missing in %v", exe, found)
	}
	if _, err := ReadMaps(1 << 22); !errors.Is(err, ErrNoProcess) {
		t.Errorf("no process: %v", err)
	}
}

func FuzzParseMaps(f *testing.F) {
	own, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(own))
	f.Add("1000-2000 rw-s 00002000 103:0a 18446744073709551615       /dev/shm/a b (deleted)\n")
	f.Fuzz(func(t *testing.T, text string) {
		maps, err := ParseMaps(strings.NewReader(text))
		if err != nil && maps != nil {
			t.Error("mappings together with an error")
		}
		for _, m := range maps {
			if m.Len() == 0 || m.Len() != uint64(m.End-m.Start) || len(m.Perms()) != 4 {
				t.Errorf("bad mapping %+v", m)
			}
		}
	})
}
