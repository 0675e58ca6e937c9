package stub_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/parity"
)

// TestAccessFits asks whether a file may be used, in each way, and then changes its mode.
func TestAccessFits(t *testing.T) {
	d, path := parity.Start(t), filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, flags := range []uint64{0, unix.AT_EACCESS, unix.AT_SYMLINK_NOFOLLOW} {
		for mode := range uint64(8) {
			how := mode | flags<<guard.AccessFlags
			read := guard.Read{Kind: guard.Access, Text: path, A: how, B: guard.AccessOf(path, how)}
			if want := mode&unix.X_OK != 0; (read.B == uint64(unix.EACCES)) != want {
				t.Errorf("mode %d gives error %d", mode, read.B)
			}
			for _, perm := range []os.FileMode{0o644, 0o755} {
				if err := os.Chmod(path, perm); err != nil {
					t.Fatal(err)
				}
				g := reading(nil, []guard.Read{read})
				want := perm == 0o644 || mode&unix.X_OK == 0
				err, v := g.Check(nil), judge(d, g.Encode(), "", nil, nil)
				if (err == nil) != want || (v.State == "fits") != want {
					t.Errorf("mode %d, flags %#x of a file of mode %o: Go says %v, C %+v", mode, flags, perm, err, v)
				}
			}
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
