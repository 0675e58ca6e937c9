package symbols

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCodecRoundTrip(t *testing.T) {
	for _, in := range interps(t)[:1] {
		tab := layoutOf(t, in).t
		b := encodeTable(tab, "key")
		got, err := decodeTable(b, "key")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tab, got, cmp.AllowUnexported(table{}, typeRec{}, fieldRec{}, symRec{}, varRec{}, funcRec{}, paramRec{})); d != "" {
			t.Error(d)
		}
		if _, err := decodeTable(b, "other"); err == nil {
			t.Error("another build's cache was taken")
		}
	}
}

// Any flipped byte, any cut is noticed.
func TestCodecDamage(t *testing.T) {
	tab := layoutT(t, openT(t, "testdata/tiny5.so")).t
	b := encodeTable(tab, "key")
	for i := range b {
		b[i] ^= 0x40
		if _, err := decodeTable(b, "key"); err == nil {
			t.Fatalf("byte %d flipped and not noticed", i)
		}
		b[i] ^= 0x40
		if _, err := decodeTable(b[:i], "key"); err == nil {
			t.Fatalf("cut at %d and not noticed", i)
		}
	}
}

func TestCacheFile(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	f := openT(t, "testdata/tiny5.so")
	path := filepath.Join(home, "pyfreeze", "layouts", f.BuildID())
	load := func() *Layout {
		t.Helper()
		l, err := LoadLayout(f)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := l.Field("Node", "inner[3].s[2]"); err != nil || v.Offset != 54 {
			t.Fatalf("%+v, %v", v, err)
		}
		return l
	}
	load()
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st, err)
	}
	if d, err := os.Stat(filepath.Dir(path)); err != nil || d.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", d, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".new*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// A second load must take the cached one: mark it.
	mark := func() {
		t.Helper()
		tab := readCache(cacheDir(), f)
		if tab == nil {
			t.Fatal("cache not readable")
		}
		tab.source = "marked"
		writeCache(cacheDir(), f, tab)
	}
	mark()
	if l := load(); l.Source != "marked" {
		t.Error("the cache was not used")
	}
	// Writable by others, damaged, or unreadable: rebuilt.
	if err := os.Chmod(path, 0o622); err != nil {
		t.Fatal(err)
	}
	if l := load(); l.Source == "marked" {
		t.Error("a cache that others can write was used")
	}
	if err := os.WriteFile(path, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	load()
	mark()
	// No cache at all is no error.
	t.Setenv("XDG_CACHE_HOME", "/proc/nonexistent")
	if l := load(); l.Source == "marked" {
		t.Error("cache of another directory")
	}
}

// The promised times, with room for a loaded machine.
func TestLoadTimes(t *testing.T) {
	in := interps(t)[0]
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, limit := range []time.Duration{6 * time.Second, 200 * time.Millisecond} {
		start := time.Now()
		l, err := LoadLayout(openT(t, in.module))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Field("PyThreadState", "thread_id"); err != nil {
			t.Fatal(err)
		}
		d := time.Since(start)
		t.Logf("%s: %v", in.name, d)
		if d > limit {
			t.Errorf("LoadLayout took %v, more than %v", d, limit)
		}
	}
}

func BenchmarkLoadCached(b *testing.B) {
	in := interps(b)[0]
	b.Setenv("XDG_CACHE_HOME", b.TempDir())
	if _, err := LoadLayout(openT(b, in.module)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f, err := Open(in.module)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := LoadLayout(f); err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
	}
}

func BenchmarkField(b *testing.B) {
	l := layoutOf(b, interps(b)[0])
	for b.Loop() {
		if _, err := l.Field("PyInterpreterState", "ceval.gil_drop_request"); err != nil {
			b.Fatal(err)
		}
	}
}
