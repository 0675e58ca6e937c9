package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pyfreeze/restore"
	"pyfreeze/restore/freeze"
)

// Set is what a program has switched on in a run: extensions, plugins. An image may have it loaded.
type Set struct {
	Sum   uint64   // a guess at what it is, by the launcher (set_of in stub/src/sets.c)
	Args  []string // of the run
	Other bool     // there is an image for it that was made for another set
}

// maxSets is how many images of sets are made within an hour: scripts may switch on other things
// in each command.
const maxSets = 6

// notPreparedError says why what is switched on cannot be loaded before the image is made.
type notPreparedError struct{ why string }

func (e *notPreparedError) Error() string { return "it cannot be loaded beforehand: " + e.why }

// BuildSet makes the image for what a run has switched on; and before it that for any run, if need
// be. Where nothing is switched on, or it cannot be loaded beforehand, the latter stands for it.
// now is for a user who waits.
func BuildSet(ctx context.Context, l *File, o restore.Options, set Set, now bool) (m *freeze.Meta, path string, err error) {
	b, err := begin(l, now)
	if err != nil || b == nil {
		return nil, "", err
	}
	defer b.unlock()
	sum := l.sum(b.program, os.Environ())
	if m, path, err = b.build(ctx, o, sum, nil, false); err != nil {
		return m, path, err
	}
	any, fits := variant(b.dir, keyName(sum))
	if !fits || len(l.Sets) == 0 {
		return m, path, nil
	}
	crowded := filepath.Join(b.dir, "crowded")
	if !now && b.made(any) >= maxSets {
		return m, path, os.WriteFile(crowded, nil, 0o600)
	}
	dir, err := os.Getwd()
	if err != nil {
		return m, path, fmt.Errorf("the directory of the run: %w", err)
	}
	here := &restore.Here{Dir: dir, Args: append([]string{}, set.Args...)}
	n, made, err := b.build(ctx, o, sum+set.Sum, here, set.Other)
	var not *notPreparedError
	if errors.As(err, &not) {
		_ = os.Remove(filepath.Join(b.dir, keyName(sum+set.Sum)+".failed"))
		_ = os.Remove(made) // of another set
		return m, path, os.Link(any, made)
	}
	if n == nil {
		return m, path, err
	}
	return n, made, err
}

// made says how many images but one were made within an hour.
func (b *builder) made(but string) (n int) {
	own, err := os.Stat(but)
	if err != nil {
		return 0
	}
	for _, im := range images(b.dir) {
		st, err := os.Stat(im.path)
		if err == nil && !os.SameFile(st, own) && time.Since(st.ModTime()) < retryAfter {
			n++
		}
	}
	return n
}
