package launcher

import (
	"os"

	"pyfreeze/restore/stub"
	"pyfreeze/restore/thaw"
)

// Refused says why the launcher file at path, which the C launcher has left alone, cannot be run. Errors: *NotLauncherError, *NoProgramError,
// *thaw.NotLinkedError, or what stands against the plain command.
func Refused(path string) error {
	if !stub.Linked() {
		return &thaw.NotLinkedError{}
	}
	l, err := Read(path)
	if err != nil {
		return err
	}
	program, err := l.program()
	if err != nil {
		return err
	}
	return &os.PathError{Op: "execve", Path: program, Err: os.ErrInvalid}
}
