package symbols

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"pyfreeze/procmem"
)

// FormatError says that a file is not an ELF file of the supported kind, or is
// damaged.
type FormatError struct {
	Path string // the file
	What string // the part at fault, or what the file is instead
	Err  error  // underlying error, may be nil
}

func (e *FormatError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Path, e.What)
	}
	return fmt.Sprintf("%s: %s: %v", e.Path, e.What, e.Err)
}

// Unwrap returns the underlying error.
func (e *FormatError) Unwrap() error { return e.Err }

// MissingDebugError says that no debug information was found for a file. Its
// text tells the user what to install.
type MissingDebugError struct {
	Path     string   // the file that lacks debug information
	BuildID  string   // its build-id in hex, "" when it has none
	Searched []string // paths and URLs that were tried, in order
	Rejected []string // those that exist but do not fit, with the reason
	Servers  []*DebuginfodError
	Shipped  error // of an interpreter: why no shipped layout serves instead, a *ShippedError

	once sync.Once
	pkg  string
}

// Package returns the distribution package that has the debug information, ""
// when not known. It asks dpkg the first time, which takes 0.2 s: programs that
// look at many libraries never need it.
func (e *MissingDebugError) Package() string {
	e.once.Do(func() { e.pkg = debugPackage(e.Path) })
	return e.pkg
}

func (e *MissingDebugError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no debug information for %s", e.Path)
	if e.BuildID != "" {
		fmt.Fprintf(&b, " (build-id %s)", e.BuildID)
	}
	if p := e.Package(); p != "" {
		fmt.Fprintf(&b, "; install it with: apt-get install %s", p)
	} else {
		b.WriteString("; install the debug symbols of the package that owns it" +
			" (-dbg, -dbgsym, -debuginfo), or build it with -g and do not strip it")
	}
	b.WriteString(", or name the directory that has the .debug file in " + DebugDirEnv)
	if os.Getenv(DebuginfodURLsEnv) == "" {
		b.WriteString(", or a debuginfod server of your distribution in " + DebuginfodURLsEnv)
	} else if len(e.Servers) == 0 {
		b.WriteString("; no server in " + DebuginfodURLsEnv + " has it")
	}
	for _, r := range e.Rejected {
		fmt.Fprintf(&b, "; %s", r)
	}
	if s, ok := errors.AsType[*ShippedError](e.Shipped); ok {
		b.WriteString(" (no layout that pyfreeze ships serves instead: " + s.Why + ")")
	}
	return b.String()
}

// Unwrap returns what went wrong with debuginfod servers.
func (e *MissingDebugError) Unwrap() []error {
	errs := make([]error, len(e.Servers))
	for i, s := range e.Servers {
		errs[i] = s
	}
	return errs
}

// ReplacedError says that the file on disk is not the one that the target
// mapped: it was deleted, upgraded or lies in another mount namespace.
type ReplacedError struct {
	Path   string
	Addr   procmem.Addr // where the target has it mapped
	Reason string
}

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("%s, mapped at %v, is not the file on disk: %s; restart the program so that it uses the installed file",
		e.Path, e.Addr, e.Reason)
}

// NotPythonError says that a target is not an interpreter that can be worked on.
type NotPythonError struct {
	Path   string // the executable, "" when not known
	Reason string // what it is instead

	Version Version // of a CPython whose version is not supported
}

func (e *NotPythonError) Error() string {
	if e.Path == "" {
		return "not a supported Python process: " + e.Reason
	}
	return fmt.Sprintf("%s is not a supported Python: %s", e.Path, e.Reason)
}

// NotFoundError says that a file has no such symbol, type or field.
type NotFoundError struct {
	Path string // the file that was searched
	Kind string // "symbol", "type", "field", "variable", "function"
	Name string
	Hint string // why, or what is there instead; may be ""
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("%s has no %s %q", e.Path, e.Kind, e.Name)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}
