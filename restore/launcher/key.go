package launcher

import (
	"fmt"
	"hash/fnv"
	"strings"

	"pyfreeze/restore"
)

// key names the image of a program for an environment: the sum of hashes of the program's path and of all variables that count
// (image_key in ../stub/launcher.h).
func (l *File) key(program string, env []string) string {
	k := hash(program)
	for _, e := range env {
		if l.counts(e) {
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

// counts says whether a variable chooses among images.
func (l *File) counts(entry string) bool {
	name, _, ok := strings.Cut(entry, "=")
	for _, w := range l.Env {
		prefix, star := strings.CutSuffix(w, "*")
		star = star && !restore.Repaired(name)
		if star && strings.HasPrefix(entry, prefix) || ok && w == name {
			return true
		}
	}
	return false
}
