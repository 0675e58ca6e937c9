package aptsource

import "testing"

func TestAptSources(t *testing.T) {
	list := "# deb x\ndeb [signed-by=/k] u s main\ndeb-src u s main\n"
	if got := sourcesOfList(list); got != "deb-src [signed-by=/k] u s main\n" {
		t.Errorf("list: %q", got)
	}
	stanza := "Types: deb\nURIs: u\nSigned-By: /k\n\nTypes: deb deb-src\nURIs: v\n"
	if got, want := sourcesOfStanzas(stanza), "Types: deb-src\nURIs: u\nSigned-By: /k\n\nTypes: deb-src\nURIs: v\n"; got != want {
		t.Errorf("stanzas: %q", got)
	}
}
