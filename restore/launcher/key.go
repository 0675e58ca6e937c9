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

// hash is FNV-1a, mixed: without that the last byte of a string changes little of its hash, and
// sums of hashes were often equal, as of A=1 B=2 and A=2 B=1.
func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	v := h.Sum64()
	v = (v ^ v>>32) * 0x9e3779b97f4a7c15
	return v ^ v>>29
}
