package main

import (
	"encoding/json"
	"strings"
	"testing"

	"pyfreeze/image"
	"pyfreeze/restore/freeze"
)

// TestInfoMovable looks at an image of hg: nearly all of it can be moved, and what cannot has a reason and a path.
func TestInfoMovable(t *testing.T) {
	path := hgImage(t)
	var j movableJSON
	o := pyfreeze(t, "info", "--movable", "--json", path).must(t, "exit 0")
	if err := json.Unmarshal([]byte(o.Stdout), &j); err != nil {
		t.Fatalf("%v in %q", err, o.Stdout)
	}
	im, err := image.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	m, err := freeze.ReadMeta(im)
	if err != nil {
		t.Fatal(err)
	}
	objects, held := 0, 0
	for _, n := range j.Fates {
		objects += n.Objects
	}
	for _, r := range j.Reasons {
		held += r.Objects
		if r.Example == "" || r.Why == "" {
			t.Errorf("a reason without a path: %+v", r)
		}
	}
	t.Logf("%d objects: %+v; opaque %+v; hashes %v", objects, j.Fates, j.Opaque, j.Hashes)
	if objects < m.Objects*99/100 || objects > m.Objects*101/100 {
		t.Errorf("%d objects are classified, the image has %d", objects, m.Objects)
	}
	if sum := j.Fates["rebuild"].Objects + j.Fates["pinned"].Objects + j.Fates["unknown"].Objects; sum != held {
		t.Errorf("reasons for %d objects, %d stay or must be rebuilt", held, sum)
	}
	heap := objects - j.Fates["static"].Objects
	if j.Fates["free"].Objects < heap*95/100 || j.Fates["rebuild"].Objects < 50 || j.Hashes["address"] < 5000 {
		t.Errorf("of %d objects on the heap %+v", heap, j.Fates)
	}
	text := pyfreeze(t, "info", "--movable", path).must(t, "exit 0").Stdout
	for _, want := range []string{"free", "rebuild", "tp_subclasses", "by address"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q: %s", want, text)
		}
	}
}
