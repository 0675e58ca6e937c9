package symbols

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// Each place where a debug file may be is found, alone.
func TestFindDebugPlaces(t *testing.T) {
	id := openT(t, "testdata/tiny5.so").BuildID()
	places := map[string]string{
		"beside":        "bin/tiny5.debug",
		".debug":        "bin/.debug/tiny5.debug",
		"dir, build-id": "dbg/.build-id/" + id[:2] + "/" + id[2:] + ".debug",
		"dir, name":     "dbg/tiny5.debug",
		"dir, path":     "dbg/@/bin/tiny5.debug", // @: the whole path of bin
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv(DebugDirEnv, "/nonexistent:"+filepath.Join(dir, "dbg"))
			copyFile(t, "testdata/stripped.so", filepath.Join(dir, "bin/stripped.so"))
			want := filepath.Join(dir, strings.ReplaceAll(place, "@", dir))
			copyFile(t, "testdata/tiny5.debug", want)
			got, err := FindDebug(openT(t, filepath.Join(dir, "bin/stripped.so")))
			if err != nil || got != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		})
	}
	if got, err := FindDebug(openT(t, "testdata/tiny5.so")); err != nil || got != "testdata/tiny5.so" {
		t.Errorf("embedded: %q, %v", got, err)
	}
}

// A debug file of another build must be refused, and the error must say so.
func TestFindDebugMissing(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "stripped.so")
	copyFile(t, "testdata/stripped.so", bin)
	miss := func() *MissingDebugError {
		t.Helper()
		p, err := FindDebug(openT(t, bin))
		me, ok := errors.AsType[*MissingDebugError](err)
		if !ok {
			t.Fatalf("%q, %v", p, err)
		}
		return me
	}
	if e := miss(); len(e.Searched) < 4 || e.BuildID == "" || len(e.Rejected) != 0 || e.Package() != "" ||
		!strings.Contains(e.Error(), "install") || !strings.Contains(e.Error(), DebugDirEnv) {
		t.Errorf("%v, searched %q", e, e.Searched)
	}
	// Same build-id, other bytes.
	b, err := os.ReadFile("testdata/tiny5.debug")
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "tiny5.debug")
	if err := os.WriteFile(link, append(b, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := miss(); !strings.Contains(e.Error(), "checksum") {
		t.Error(e)
	}
	copyFile(t, "testdata/tiny4.so", link)
	if e := miss(); !strings.Contains(e.Error(), "build-id") {
		t.Error(e)
	}
	if err := os.WriteFile(link, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := miss(); !strings.Contains(e.Error(), "not an ELF file") {
		t.Error(e)
	}
	// A link to the stripped file itself has no DWARF either.
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(bin, link); err != nil {
		t.Fatal(err)
	}
	miss()
}

func TestDebugPackage(t *testing.T) {
	for owner, want := range map[string]string{
		"python3.11-minimal": "python3.11-dbg", "libpython3.13": "python3.13-dbg", "libpython3.11-stdlib": "python3.11-dbg",
		"python3.14": "python3.14-dbg", "libc6": "libc6-dbg", "libssl3": "libssl3-dbgsym", "python3-yaml": "python3-yaml-dbgsym",
	} {
		if got := debugPackageOf(owner); got != want {
			t.Errorf("%s: %s, want %s", owner, got, want)
		}
	}
	if _, err := os.Stat(debianPython); err == nil {
		if _, err := os.Stat("/var/lib/dpkg/status"); err == nil {
			if got := debugPackage(debianPython); got != "python3.11-dbg" {
				t.Errorf("%s: %q", debianPython, got)
			}
		}
	}
	if got := debugPackage("/nonexistent/file"); got != "" {
		t.Errorf("nobody's file: %q", got)
	}
}
