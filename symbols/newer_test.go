package symbols

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// howToAdd is where the project says what one version more takes.
const howToAdd = `CONTRIBUTING.md, "Versions of CPython"`

// An interpreter of the next version is identified, so that it can be read, and refused for all
// else; one of a later version is refused.
func TestNewerVersions(t *testing.T) {
	for minor, identified := range map[int]bool{NewestMinor: true, NewestMinor + 1: true, NewestMinor + 2: false} {
		version := fmt.Sprintf("0x03%02x02f0", minor)
		maps, live := memory(t, target(t, says(t, "-DFREE=0", "-DVERSION="+version)))
		in, err := Identify(maps, live)
		var not *NotPythonError
		if !identified {
			if !errors.As(err, &not) || not.Version.Minor != minor {
				t.Errorf("3.%d: %v, %v", minor, in, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("3.%d: %v", minor, err)
			continue
		}
		_ = in.Module.File.Close() // only read
		err = in.Supported()
		if minor == NewestMinor && err != nil {
			t.Errorf("3.%d: %v", minor, err)
		}
		if minor > NewestMinor && (!errors.As(err, &not) || not.Version.Minor != minor ||
			!strings.Contains(err.Error(), "pyfreeze inspect tries to read it")) {
			t.Errorf("3.%d: %v", minor, err)
		}
	}
}

// Every version that is supported has layouts, and no interpreter of this machine is newer.
func TestVersionsOfThisMachine(t *testing.T) {
	for minor := OldestMinor; minor <= NewestMinor; minor++ {
		if _, err := readShipped(Version{Major: 3, Minor: minor}); err != nil {
			t.Errorf("3.%d is supported and has no layouts: %v; %s, says how they are made", minor, err, howToAdd)
		}
	}
	home, _ := os.UserHomeDir() // without one, the pattern finds nothing
	for _, pattern := range []string{"/usr/bin/python3.*", "/usr/local/bin/python3.*",
		filepath.Join(home, ".pyenv/versions/3.*/bin/python3.*")} {
		exes, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, exe := range exes {
			minor, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(exe), "python3."))
			if err == nil && minor > NewestMinor {
				t.Errorf("%s is newer than 3.%d, the newest that pyfreeze knows: %s, says what it takes",
					exe, NewestMinor, howToAdd)
			}
		}
	}
}
