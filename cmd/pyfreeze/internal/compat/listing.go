package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxShown is how long a file of text may be to be compared as it is; of others their hash.
const maxShown = 64 << 10

// listing tells every file below a directory: mode, name, content; of those in caches no content.
func listing(dir string, caches []string) (string, error) {
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%v %s", info.Mode(), name)
		switch {
		case info.Mode().IsRegular() && slices.ContainsFunc(caches, func(c string) bool { return strings.HasPrefix(name, c+"/") }):
			out.WriteByte('\n')
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " -> %s\n", to)
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if len(text) <= maxShown && utf8.Valid(text) {
				fmt.Fprintf(&out, "\n%s\n", text)
			} else {
				fmt.Fprintf(&out, " %d bytes, %x\n", len(text), sha256.Sum256(text))
			}
		default:
			out.WriteByte('\n')
		}
		return nil
	})
	return out.String(), err
}
