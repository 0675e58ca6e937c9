package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFaultHandler has handlers of the module faulthandler set before the freeze: in a thaw they do what they do in a plain run that sets them.
func TestFaultHandler(t *testing.T) {
	numbers := regexp.MustCompile(`0x[0-9a-f]+|with size \d+`)
	for _, py := range inspectedPythons(t) {
		t.Run(strings.ReplaceAll(py, "/", "_"), func(t *testing.T) {
			for _, set := range [][]string{{"enable"}, {"register"}, {"enable", "register", "chain"}} {
				image := filepath.Join(tempDir(t), "i")
				pyfreeze(t, append([]string{"freeze", "-o", image, "--at", "exit", "--", py, program("faults.py")}, set...)...).must(t, "exit 0")
				for _, dies := range []string{"", "usr1", "usr2", "abort", "overflow"} {
					log := newRunLog(t)
					plain := run(t, command{argv: append([]string{py, program("faults.py"), dies}, set...)})
					got := run(t, command{argv: append([]string{binary, "run", image, dies}, set...), env: []string{log.env()}})
					log.thawed(t, 1)
					if dies == "overflow" { // how deep it comes is another matter
						plain.Stderr, got.Stderr = numbers.ReplaceAllString(plain.Stderr, ""), numbers.ReplaceAllString(got.Stderr, "")
					}
					same(t, plain, got)
				}
			}
		})
	}
}
