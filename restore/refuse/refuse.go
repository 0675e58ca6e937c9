package refuse

import (
	"fmt"
	"slices"
	"strings"
)

// Offender is something that a thaw could not bring back.
type Offender struct {
	Kind   string `json:"kind"` // what --allow takes; "" for what cannot be allowed
	Path   string `json:"path"` // Python path; "" where there is none
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

// Holds says what it is and who holds it.
func (o *Offender) Holds() string {
	if o.Path == "" {
		return o.What
	}
	return o.Path + " holds " + o.What
}

func (o *Offender) String() string {
	s := o.Holds()
	remedy := o.Remedy
	if o.Kind != "" {
		remedy += ", or --allow " + o.Kind
	}
	if remedy != "" {
		s += " (" + remedy + ")"
	}
	return s
}

// Error says what the target holds that cannot be cloned: everything that was found.
type Error struct{ Offenders []Offender }

// Error lists the reasons, one a line where there are several.
func (e *Error) Error() string {
	if len(e.Offenders) == 1 {
		return "cannot freeze: " + e.Offenders[0].String()
	}
	s := fmt.Sprintf("cannot freeze, for %d reasons:", len(e.Offenders))
	for i := range e.Offenders {
		s += "\n  " + e.Offenders[i].String()
	}
	return s
}

// alone makes the error for what stands alone and cannot be allowed.
func alone(what, remedy string) *Error { return &Error{[]Offender{{What: what, Remedy: remedy}}} }

// Kinds that can be allowed, and what a thaw then has in place of the thing.
var allowable = []string{"thread", "socket", "pipe", "epoll", "pty", "memfd", "eventfd", "inotify", "signalfd", "timerfd", "file",
	"descriptor", "child", "sqlite", "wakeup-fd", "lock", "finalizer", "asyncio", "native-thread"}

// CheckAllow says whether all of the kinds may be allowed.
func CheckAllow(kinds []string) error {
	for _, k := range kinds {
		if !slices.Contains(allowable, k) {
			return fmt.Errorf("%q cannot be allowed; kinds are %s", k, strings.Join(allowable, ", "))
		}
	}
	return nil
}

// DescriptorKind names what a descriptor is by what /proc shows of it.
func DescriptorKind(target string) string {
	for _, k := range []struct{ prefix, kind string }{
		{"socket:", "socket"}, {"pipe:", "pipe"}, {"anon_inode:[eventpoll]", "epoll"}, {"anon_inode:[eventfd]", "eventfd"},
		{"anon_inode:inotify", "inotify"}, {"anon_inode:[signalfd]", "signalfd"}, {"anon_inode:[timerfd]", "timerfd"},
		{"/dev/pts/", "pty"}, {"/dev/ptmx", "pty"}, {"/dev/tty", "pty"}, {"/memfd:", "memfd"}, {"anon_inode:", "descriptor"}, {"/", "file"},
	} {
		if strings.HasPrefix(target, k.prefix) {
			return k.kind
		}
	}
	return "descriptor"
}
