package main

import (
	"errors"
	"io/fs"
	"strings"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/snapshot"
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
	case is[*snapshot.CommandEndedError](err):
		return exitNotReached
	case is[*usageError](err), is[*snapshot.AtError](err), strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage
	case is[*lackingError](err), is[*procmem.PackedError](err):
		return exitBadImage
	case errors.Is(err, tracer.ErrNoProcess), is[*tracer.ExitError](err), errors.Is(err, tracer.ErrZombie):
		return exitNoProcess
	case is[*image.WriteError](err):
		return exitOutput
	case is[*symbols.NotPythonError](err), is[*symbols.ReplacedError](err), errors.Is(err, tracer.ErrKernelThread):
		return exitNotPython
	case is[*tracer.PermissionError](err):
		return exitPermission
	case is[*refuse.Error](err), is[*snapshot.StateError](err), is[*snapshot.WrapperError](err),
		is[*snapshot.PassedError](err), is[*snapshot.NoSpotError](err), is[*snapshot.HookError](err):
		return exitRefused
	case is[*snapshot.TimeoutError](err):
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

// text is what is printed of an error: a line, but for a list of reasons.
func text(err error) string {
	var list *refuse.Error
	if !errors.As(err, &list) || len(list.Offenders) < 2 {
		return printable(oneLine(err))
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, printable(strings.TrimRight(line, "\n")))
	}
	return strings.Join(lines, "\n")
}
