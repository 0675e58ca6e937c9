package pyheap

import "fmt"

// guard turns a panic into an error. Target memory cannot cause one; debug information that lies about
// the size of a struct could.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = &LayoutError{Missing: []string{fmt.Sprintf("a consistent description of the structs (%v)", r)}}
	}
}
