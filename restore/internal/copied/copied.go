// Package copied attaches to processes, for tests of what is done with a copy.
package copied

import (
	"context"
	"testing"
	"time"

	"pyfreeze/restore/snapshot"
)

// Of copies a process, which goes on. The copy is closed with the test.
func Of(t *testing.T, pid int) *snapshot.Copy {
	t.Helper()
	tg, err := snapshot.Open(context.Background(), pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tg.Close)
	c, err := tg.Attach(context.Background(), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Space.Close() })
	return c
}
