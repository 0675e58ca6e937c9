package procmem

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// ErrNoProcess says that the process does not exist (any more). Errors that
// come from such a process wrap it.
var ErrNoProcess = errors.New("no such process")

// ErrUnmapped is the cause in a [*ReadError] when no memory is known at the
// address.
var ErrUnmapped = errors.New("address is not mapped")

// ErrNoTerminator is the cause in a [*ReadError] when a C string does not end
// within the allowed length.
var ErrNoTerminator = errors.New("string has no terminating NUL within the limit")

// ReadError says that target memory could not be read.
type ReadError struct {
	Addr Addr   // first byte that could not be read
	Len  uint64 // bytes that were still wanted from there on
	Err  error  // cause: ErrUnmapped, ErrNoTerminator, ErrNoProcess or an errno
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("cannot read %d bytes at %v: %v", e.Len, e.Addr, e.Err)
}

// Unwrap gives the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// MapsError says that a line of a maps file could not be understood.
type MapsError struct {
	Line   int    // counted from 1
	Text   string // the line, shortened
	Reason string
}

func (e *MapsError) Error() string {
	return fmt.Sprintf("maps line %d: %s: %q", e.Line, e.Reason, e.Text)
}

// OverlapError says that two segments of one address space overlap.
type OverlapError struct {
	A, B Range
}

func (e *OverlapError) Error() string {
	return fmt.Sprintf("segments %v and %v overlap", e.A, e.B)
}

// CoreError says what is wrong with an ELF core file.
type CoreError struct {
	Path   string // the core file
	Offset uint64 // where in the file the offending structure stands
	Reason string
	Err    error // may be nil
}

func (e *CoreError) Error() string {
	s := fmt.Sprintf("%s: at offset %#x: %s", e.Path, e.Offset, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause, if there is one.
func (e *CoreError) Unwrap() error { return e.Err }

// procError turns what the kernel says of a process that has gone into
// ErrNoProcess, and leaves every other error as it is.
func procError(pid int, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, ErrNoProcess)
	}
	return err
}
