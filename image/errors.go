package image

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// ErrNoTable is returned (wrapped) by Extra when the image has no table of
// the type asked for.
var ErrNoTable = errors.New("no such table in the image")

// FormatError says that a file is not an image, or that a part of it is
// damaged.
type FormatError struct {
	// Path is the file.
	Path string
	// Off is the offset in the file where the fault lies.
	Off uint64
	// Reason names the fault.
	Reason string
	// Err is the error below, where there is one.
	Err error
}

func (e *FormatError) Error() string {
	s := fmt.Sprintf("image %s: at offset 0x%x: %s", e.Path, e.Off, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + " (make it again with pyfreeze freeze or attach)"
}

// Unwrap returns the error below, or nil.
func (e *FormatError) Unwrap() error { return e.Err }

// VersionError says that a file is an image, of another version of the format.
type VersionError struct {
	// Path is the file.
	Path string
	// Got is the version of the file; Version is the one understood.
	Got uint32
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("image %s: format version %d, this pyfreeze reads version %d (make the image again with this pyfreeze)",
		e.Path, e.Got, Version)
}

// TruncatedError says that a file's head is whole, but that the file is
// shorter (or longer) than its head says. Open returns it together with an
// Image whose Program and Guards can be read and must not be thawed.
type TruncatedError struct {
	// Path is the file.
	Path string
	// Size is the file's length in bytes, Want what the head says.
	Size, Want uint64
}

func (e *TruncatedError) Error() string {
	what := "shorter"
	if e.Size > e.Want {
		what = "longer"
	}
	return fmt.Sprintf("image %s: %d bytes long, %s than the %d bytes that were written "+
		"(copy it again, or make it again with pyfreeze freeze or attach)", e.Path, e.Size, what, e.Want)
}

// ContentError says why a Content cannot be written.
type ContentError struct {
	// Addr is the address of the segment or mapping at fault, else 0.
	Addr uint64
	// Reason names the fault.
	Reason string
}

func (e *ContentError) Error() string {
	if e.Addr == 0 {
		return e.Reason
	}
	return fmt.Sprintf("memory at 0x%x: %s", e.Addr, e.Reason)
}

// WriteError says that an image could not be written. Nothing was left
// behind, and a file that was there before is as it was.
type WriteError struct {
	// Path is the image's path.
	Path string
	// Op is the step that failed; "" where none had begun.
	Op string
	// Need is the size that the image would have had, in bytes; 0 if unknown.
	Need uint64
	// Err is the cause.
	Err error
}

func (e *WriteError) Error() string {
	s := fmt.Sprintf("cannot write image %s: ", e.Path)
	if e.Op != "" {
		s += e.Op + ": "
	}
	s += e.Err.Error()
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		s += fmt.Sprintf(" (up to %d bytes are needed: free some space or name another folder)", e.Need)
	case errors.Is(e.Err, syscall.EFBIG):
		s += fmt.Sprintf(" (the file size limit is below %d bytes: see ulimit -f)", e.Need)
	case errors.Is(e.Err, fs.ErrPermission), errors.Is(e.Err, syscall.EROFS):
		s += " (name a folder that you may write to)"
	case errors.Is(e.Err, fs.ErrNotExist):
		s += " (make the folder first)"
	}
	return s
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Err }
