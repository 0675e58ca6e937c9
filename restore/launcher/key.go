package launcher

import (
	"fmt"

	"pyfreeze/restore/guard"
)

// sum is the key of a program and an environment: the sum of hashes of the program's path and of
// all variables that count (image_key in stub/src/launcher.c).
func (l *File) sum(program string, env []string) uint64 {
	k := guard.Mix([]byte(program))
	for _, e := range env {
		if guard.Listed(e, l.Env) {
			k += guard.Mix([]byte(e))
		}
	}
	return k
}

// key names the images for a program and an environment.
func (l *File) key(program string, env []string) string { return keyName(l.sum(program, env)) }

func keyName(sum uint64) string { return fmt.Sprintf("%016x", sum) }
