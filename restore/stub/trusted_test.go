package stub_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/parity"
	"pyfreeze/restore/thaw"
)

// TestImagesTrusted asks both sides of all modes, for all owners that this process can give a file.
func TestImagesTrusted(t *testing.T) {
	d, path := parity.Start(t), filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, sample(t), 0o600); err != nil {
		t.Fatal(err)
	}
	owners := [][2]int{{os.Getuid(), os.Getgid()}}
	if os.Getuid() == 0 {
		owners = append(owners, [2]int{0, 1000}, [2]int{1000, 0}, [2]int{1000, 1000})
	}
	trusted := 0
	for _, o := range owners {
		for mode := range uint32(0o1000) {
			if os.Getuid() != 0 && mode&0o400 == 0 {
				continue // nobody but root could open it
			}
			if err := os.Chown(path, o[0], o[1]); err != nil {
				t.Fatal(err)
			}
			if err := unix.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			im, err := image.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			want := guard.Trusted(im) == nil
			im.Close()
			if want {
				trusted++
			}
			if got := d.True("trusted", path); got != want {
				t.Errorf("owner %v, mode %04o: C says %t, Go %t", o, mode, got, want)
			}
			state := d.Says("image", path)
			if good := thaw.Fits(path) == nil; (state == "good") != good {
				t.Errorf("owner %v, mode %04o: C says %s, Go that it fits: %t", o, mode, state, good)
			}
		}
	}
	if trusted < 64 || trusted > 256*len(owners) {
		t.Errorf("%d owners and modes are trusted", trusted)
	}
}

// TestOnlyFilesAreTrusted tries what can be written to without being an image.
func TestOnlyFilesAreTrusted(t *testing.T) {
	d, dir := parity.Start(t), t.TempDir()
	fifo, link, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"),
		filepath.Join(dir, "file")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, sample(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir: "bad", fifo: "bad", "/dev/null": "bad", dir + "/none": "none", link: "good", file: "good",
	} {
		if got := d.Says("image", path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
		if d.True("trusted", path) != (want == "good") || (thaw.Fits(path) == nil) != (want == "good") {
			t.Errorf("%s is trusted: %t; fits: %v", path, d.True("trusted", path), thaw.Fits(path))
		}
	}
}
