package launcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// NoProgramError says that the program which a launcher stands for is not there.
type NoProgramError struct{ Name string }

func (e *NoProgramError) Error() string {
	return fmt.Sprintf("%s: there is none on PATH but the launcher", e.Name)
}

// program finds the program that would run if no launcher were there.
func (l *File) program() (string, error) {
	if filepath.IsAbs(l.Program) {
		return l.Program, nil
	}
	self, err := os.Stat(l.Path)
	if err != nil {
		return "", err
	}
	for _, absolute := range []bool{true, false} { // the fast way looks at absolute directories only
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			if filepath.IsAbs(dir) != absolute {
				continue
			}
			path := dir + "/" + l.Program
			if dir == "" {
				path = "./" + l.Program
			}
			st, err := os.Stat(path)
			if err != nil || !st.Mode().IsRegular() || os.SameFile(st, self) || unix.Access(path, unix.X_OK) != nil {
				continue
			}
			var not *NotLauncherError
			if _, err := Read(path); err == nil || !errors.As(err, &not) {
				continue // another launcher
			}
			return path, nil
		}
	}
	return "", &NoProgramError{l.Program}
}
