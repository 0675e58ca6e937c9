package launcher

import (
	"fmt"
	"hash/fnv"

	"pyfreeze/restore/guard"
)

// key names the image of a program for an environment: the sum of hashes of the program's path and of all variables that count
// (image_key in stub/src/launcher.c).
func (l *File) key(program string, env []string) string {
	k := hash(program)
	for _, e := range env {
		if guard.Listed(e, l.Env) {
			k += hash(e)
		}
	}
	return fmt.Sprintf("%016x", k)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}
