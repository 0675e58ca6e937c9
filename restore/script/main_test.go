package script

import (
	"testing"

	"pyfreeze/restore/internal/target"
)

func TestMain(m *testing.M) { target.Main(m) }
