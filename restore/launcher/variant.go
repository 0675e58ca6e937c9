package launcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/thaw"
)

// variants is how many images a key may have, where the program has asked for what is another in
// each: a terminal, a directory (VARIANTS of stub/src/launcher.c).
const variants = 4

// variant returns where the image for here and now is, and that it fits; or where one is to be
// made: the first place that is free or whose image would fit nowhere any more. Where all fit
// elsewhere the oldest gives way, but none that was made not long ago: a program that is run in
// another directory each time would have one made each time.
func variant(dir, key string) (path string, fits bool) {
	oldest, when := "", time.Now().Add(-retryAfter)
	for v := range variants {
		name := key + suffix
		if v > 0 {
			name = fmt.Sprintf("%s-%d%s", key, v, suffix)
		}
		at := filepath.Join(dir, name)
		err := thaw.Fits(at)
		if err == nil {
			return at, true
		}
		var unfit *guard.UnfitError
		if !errors.As(err, &unfit) || !unfit.Elsewhere {
			if path == "" {
				path = at
			}
			if errors.Is(err, os.ErrNotExist) {
				break // the launcher looks no further
			}
			continue
		}
		if st, err := os.Stat(at); err == nil && st.ModTime().Before(when) {
			oldest, when = at, st.ModTime()
		}
	}
	if path == "" {
		path = oldest
	}
	return path, path == ""
}
