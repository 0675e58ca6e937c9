package launcher

import (
	"os"
	"path/filepath"
	"testing"
)

// TestVariant finds the place of the next image: the first that is free, or whose image is none.
func TestVariant(t *testing.T) {
	dir := t.TempDir()
	first := filepath.Join(dir, "k"+suffix)
	if path, fits := variant(dir, "k"); path != first || fits {
		t.Errorf("in an empty directory: %s, %t", path, fits)
	}
	if err := os.WriteFile(first, []byte("no image"), 0o600); err != nil {
		t.Fatal(err)
	}
	if path, fits := variant(dir, "k"); path != first || fits {
		t.Errorf("where there is no image: %s, %t", path, fits)
	}
}
