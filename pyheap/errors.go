package pyheap

import (
	"errors"
	"fmt"
	"strings"

	"pyfreeze/procmem"
)

// Addr is a virtual address in the target.
type Addr = procmem.Addr

// LayoutError says that the debug information lacks what reading this interpreter's heap needs.
type LayoutError struct {
	Missing []string // "PyDictObject.ma_keys", "_PyRuntime", ...
}

func (e *LayoutError) Error() string {
	return fmt.Sprintf("debug information lacks %s: it does not describe this interpreter; "+
		"install the debug package that matches its build-id", strings.Join(e.Missing, ", "))
}

// ObjectError says that the memory at Addr is not what Want says it should be.
type ObjectError struct {
	Addr Addr
	Want string // "a str", "a live object", "a type", ...
	Err  error  // what was wrong; may be nil
}

func (e *ObjectError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: not %s", e.Addr, e.Want)
	}
	return fmt.Sprintf("%s: not %s: %v", e.Addr, e.Want, e.Err)
}

// Unwrap gives the cause.
func (e *ObjectError) Unwrap() error { return e.Err }

// LookupError says that a step of a path given to [Heap.Lookup] leads nowhere.
type LookupError struct {
	Path string // the whole path
	Step string // the step that failed
	At   Addr   // the object it was tried on, 0 at the start
	Err  error
}

func (e *LookupError) Error() string {
	return fmt.Sprintf("lookup %q: %s: %v", e.Path, e.Step, e.Err)
}

// Unwrap gives the cause.
func (e *LookupError) Unwrap() error { return e.Err }

// BudgetError says that a walk was given up because objects overlap so much that reading them all
// would take for ever: the heap is corrupt or hostile.
type BudgetError struct {
	Nodes    int       // how many objects and blocks had been found
	Problems []Problem // what was seen to be broken until then; of a walk only
}

func (e *BudgetError) Error() string {
	s := fmt.Sprintf("heap is corrupt: walk given up after %d objects that overlap", e.Nodes)
	if len(e.Problems) > 0 {
		s += ", the first sign of it: " + e.Problems[0].String()
	}
	return s
}

var (
	errNotMapped  = errors.New("not in known memory")
	errBadLength  = errors.New("length out of bounds")
	errNoSuchAttr = errors.New("no such attribute")
	errNoSuchItem = errors.New("no such item")
	errLoop       = errors.New("chain does not end")
	errTooLarge   = errors.New("larger than the limit")
)
