package stub_test

import (
	"testing"

	"pyfreeze/internal/inherit"
)

func TestMain(m *testing.M) { inherit.Tests(m) }
