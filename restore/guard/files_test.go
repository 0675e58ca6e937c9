package guard

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/symbols"
)

// TestReasonsOfLibraries shows how each change of a library is told: upgrades are why images get
// stale.
func TestReasonsOfLibraries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lib.so")
	install := func(from string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err == nil {
			_ = os.Remove(path) // another inode, as package managers make one
			err = os.WriteFile(path, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install("/bin/true")
	elf, err := symbols.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	id, err := Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f := File{path, id.Size, id.MtimeNs, id.Ino, elf.BuildID(), 0, 0}
	elf.Close()
	if f.BuildID == "" {
		t.Fatal("/bin/true has no build-id")
	}
	check := func(want string) {
		t.Helper()
		err := (&Guards{CPU: CPU(), UTF8Mode: true, Files: []File{f}}).Check(nil)
		var unfit *UnfitError
		if want == "" && err != nil || want != "" &&
			(!errors.As(err, &unfit) || !strings.Contains(unfit.Reason, want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	check("")
	if err := os.Link(path, path+".kept"); err != nil { // or its inode could come back
		t.Fatal(err)
	}
	install("/bin/true")
	check(path + " was written anew since")
	install("/bin/false")
	check("another build-id")
	if err := os.WriteFile(path, []byte("no ELF"), 0o644); err != nil {
		t.Fatal(err)
	}
	check(path + ": ")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check(path + " is gone")
}
