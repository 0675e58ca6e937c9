package main

import (
	"errors"
	"io/fs"
	"strings"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// Exit codes of attach, freeze, info and verify; README.md lists them.
const (
	exitOK         = 0
	exitOther      = 1
	exitUsage      = 2
	exitNoProcess  = 3
	exitNotPython  = 4
	exitPermission = 5
	exitRefused    = 6
	exitTimeout    = 7
	exitOutput     = 8
	exitDebugInfo  = 9
	exitBadImage   = 10
	exitNotReached = 11
	exitRun        = 125
)

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() + " (see --help)" }
func (e *usageError) Unwrap() error { return e.err }

func is[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}

// exitCode gives the documented code for an error.
func exitCode(err error) int {
	switch {
	case is[*restore.CommandEndedError](err):
		return exitNotReached
	case is[*usageError](err), is[*restore.AtError](err), strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage
	case errors.Is(err, tracer.ErrNoProcess), is[*tracer.ExitError](err), errors.Is(err, tracer.ErrZombie):
		return exitNoProcess
	case is[*image.WriteError](err):
		return exitOutput
	case is[*symbols.NotPythonError](err), is[*restore.UnsupportedError](err), is[*symbols.ReplacedError](err), errors.Is(err, tracer.ErrKernelThread):
		return exitNotPython
	case is[*tracer.PermissionError](err):
		return exitPermission
	case is[*restore.RefusedError](err):
		return exitRefused
	case is[*restore.TimeoutError](err):
		return exitTimeout
	case is[*symbols.MissingDebugError](err), is[*pyheap.MismatchError](err):
		return exitDebugInfo
	case is[*procmem.CoreError](err), is[*image.FormatError](err), is[*image.TruncatedError](err), is[*image.VersionError](err):
		return exitBadImage
	case errors.Is(err, fs.ErrPermission):
		return exitPermission
	}
	return exitOther
}

// oneLine keeps a message on the one line that users expect of an error.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
