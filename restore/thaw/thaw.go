// Package thaw tells whether an image fits, and why it cannot be run. Images are run by the launcher of package stub, before the Go runtime
// starts.
package thaw

import (
	"fmt"
	"os"

	"pyfreeze/image"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/stub"

	"golang.org/x/sys/unix"
)

// NotLinkedError says that this binary lacks what runs images.
type NotLinkedError struct{}

func (*NotLinkedError) Error() string {
	return "this pyfreeze was built without its launcher, which runs images: build it with make build, " +
		"or go build -ldflags '-E pyfreeze/restore/stub.entry' ./cmd/pyfreeze"
}

// Refused says why the launcher has left an image alone: it is none, damaged, of another version, or not to be trusted. Errors:
// *NotLinkedError, *guard.UntrustedError, those of [image.Open].
func Refused(path string) error {
	if !stub.Linked() {
		return &NotLinkedError{}
	}
	im, err := image.Open(path)
	if im != nil {
		defer im.Close()
	}
	if im != nil {
		if terr := guard.Trusted(im); terr != nil {
			return terr
		}
	}
	if err != nil {
		return err
	}
	g, err := guard.Parse(im.Guards())
	if err != nil {
		return err
	}
	if _, _, err := stub.ReadProgram(im.Program()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := unix.Access(g.Exe, unix.X_OK); err != nil {
		err = &os.PathError{Op: "execute", Path: g.Exe, Err: err}
		return fmt.Errorf("%s: neither the image nor its plain command can be started: %w", path, err)
	}
	return fmt.Errorf("%s: neither the image nor its plain command could be started", path)
}

// Fits says why the image at path cannot be thawed here and now; nil if it can. Errors: *guard.UnfitError, *guard.UntrustedError, those of
// [image.Open].
func Fits(path string) error {
	im, err := image.Open(path)
	if im != nil {
		defer im.Close()
	}
	if err != nil {
		return err
	}
	g, err := guard.Parse(im.Guards())
	if err != nil {
		return err
	}
	h, _, err := stub.ReadProgram(im.Program())
	if err != nil {
		return err
	}
	if err := guard.Trusted(im); err != nil {
		return err
	}
	if err := checkKernel(&h); err != nil {
		return err
	}
	if im.Mode()&0o020 != 0 { // as read_image() in stub/src/image.c
		return &guard.UnfitError{Reason: "its group may write to it"}
	}
	return g.Check(os.Environ())
}
