package launcher

import (
	"fmt"

	"pyfreeze/restore/guard"
)

// key names the image of a program for an environment: the sum of hashes of the program's path and of all variables that count
// (image_key in stub/src/launcher.c).
func (l *File) key(program string, env []string) string {
	k := guard.Mix([]byte(program))
	for _, e := range env {
		if guard.Listed(e, l.Env) {
			k += guard.Mix([]byte(e))
		}
	}
	return fmt.Sprintf("%016x", k)
}
