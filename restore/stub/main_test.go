package stub_test

import (
	"fmt"
	"os"
	"testing"

	"pyfreeze/tracer/inherit"
)

// TestMain gives what the tests start the signals, limits and variables of a login.
func TestMain(m *testing.M) {
	if err := inherit.Usual(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
