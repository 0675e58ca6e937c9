package restore

import (
	"context"
	"time"

	"pyfreeze/pyheap"
	"pyfreeze/restore/behind"
	"pyfreeze/restore/script"
	"pyfreeze/restore/snapshot"
)

// Times that may be spent on comparing what modules hold: whether that was asked for, or not.
const (
	comparesLong = 5 * time.Minute
	comparesBit  = 250 * time.Millisecond
)

// toPoint runs a command to its point, and tells what the run has left behind in its modules where
// that is the exit; nil where that is not known.
func toPoint(ctx context.Context, c *snapshot.Command, at snapshot.At,
	o CommandOptions) (*behind.Report, error) {
	if !at.Exit() {
		return nil, c.ToPoint(ctx, at)
	}
	t := &behind.Tracker{Own: !o.LeftBehind}
	var failed error // a heap that cannot be read hinders no freeze that did not ask
	look := func(at func(h *pyheap.Heap) error) func(h *pyheap.Heap) error {
		return func(h *pyheap.Heap) error {
			if failed == nil {
				failed = at(h)
			}
			return nil
		}
	}
	told := &snapshot.Imports{Starts: look(t.Starts), Begins: look(t.Imports), Ended: look(t.Imported),
		Late: t.Late, Most: comparesBit}
	if o.LeftBehind {
		told.Most = comparesLong
	}
	c.WatchImports(told)
	if err := c.ToPoint(ctx, at); err != nil {
		return nil, err
	}
	var report *behind.Report
	err := c.AtRest(look(func(h *pyheap.Heap) (err error) {
		report, err = t.Report(h)
		return err
	}))
	if err == nil {
		err = failed
	}
	if err != nil && !o.LeftBehind {
		return nil, nil
	}
	if report != nil && len(o.Warm) > 0 {
		report.Without(script.OfWarmUp)
	}
	return report, err
}
