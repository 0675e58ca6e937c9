package launcher

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// NoProgramError says that the program which a launcher stands for is not there.
type NoProgramError struct{ Name string }

func (e *NoProgramError) Error() string {
	return fmt.Sprintf("%s: there is none on PATH but the launcher", e.Name)
}

// program finds the program that would run if no launcher were there, as find_program() of
// stub/src/launcher.c: what else it found, an image would be made of that no run looks for.
func (l *File) program() (string, error) {
	if filepath.IsAbs(l.Program) {
		return l.Program, nil
	}
	self, err := os.Stat(l.Path)
	if err != nil {
		return "", err
	}
	dirs, ok := os.LookupEnv("PATH")
	for _, dir := range strings.Split(dirs, ":") {
		path := cmp.Or(dir, ".") + "/" + l.Program
		st, err := os.Stat(path)
		if !ok || err != nil || !st.Mode().IsRegular() || os.SameFile(st, self) {
			continue
		}
		if unix.Access(path, unix.X_OK) != nil {
			continue
		}
		if !isLauncher(path) {
			return path, nil
		}
	}
	return "", &NoProgramError{l.Program}
}

// isLauncher says whether a file is another launcher, of this version or another, whole or not:
// they would start each other for ever.
func isLauncher(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, 512)
	n, _ := f.Read(b) // what cannot be read is none
	text, _, _ := bytes.Cut(b[:n], []byte{0})
	return bytes.Contains(text, []byte("\n# pyfreeze launcher "))
}
