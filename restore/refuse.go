package restore

import (
	"fmt"
	"slices"
	"strings"

	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// Offender is something that a thaw could not bring back.
type Offender struct {
	Kind   string `json:"kind"` // what --allow takes; "" for what cannot be allowed
	Path   string `json:"path"` // Python path; "" where there is none
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

func (o *Offender) String() string {
	s := o.What
	if o.Path != "" {
		s = o.Path + " holds " + s
	}
	remedy := o.Remedy
	if o.Kind != "" {
		remedy += ", or --allow " + o.Kind
	}
	if remedy != "" {
		s += " (" + remedy + ")"
	}
	return s
}

// RefusedError says what the target holds that cannot be cloned: everything that was found.
type RefusedError struct{ Offenders []Offender }

func (e *RefusedError) Error() string {
	if len(e.Offenders) == 1 {
		return "cannot freeze: " + e.Offenders[0].String()
	}
	all := make([]string, len(e.Offenders))
	for i := range e.Offenders {
		all[i] = e.Offenders[i].String()
	}
	return fmt.Sprintf("cannot freeze, for %d reasons: %s", len(all), strings.Join(all, "; "))
}

// refused makes the error for what stands alone and cannot be allowed.
func refused(what, remedy string) *RefusedError {
	return &RefusedError{[]Offender{{What: what, Remedy: remedy}}}
}

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

// descriptorKind names what a descriptor is by what /proc shows of it.
func descriptorKind(target string) string {
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

// refuseDatabases looks for connections to files of SQLite, which a thaw could not lock.
func refuseDatabases(w *pyheap.Walk, fds []Descriptor) (out []Offender) {
	for _, o := range w.OfType("sqlite3.Connection") {
		for _, d := range fds {
			if d.Owner == "" && isKept(o) && isSQLite(d.Target) {
				out = append(out, Offender{"sqlite", w.Path(o.Addr), fmt.Sprintf("a connection to %s (descriptor %d)", d.Target, d.FD), "close it before the freeze"})
			}
		}
	}
	return out
}

// wakeupFD gives the address of the descriptor that signals write to, and its value: a static variable until 3.11, then
// in the runtime state (gh-81057).
func wakeupFD(f *frozen, h *pyheap.Heap, t *target, lay *symbols.Layout) (at uint64, fd int32) {
	if v, err := lay.Var("wakeup"); err == nil && v.Type.Kind == symbols.KindStruct {
		if field, err := lay.FieldOf(v.Type, "fd"); err == nil {
			at = uint64(v.Addr+t.bias) + field.Offset
		}
	} else if field, err := lay.Field("_PyRuntimeState", "signals.wakeup.fd"); err == nil {
		at = uint64(t.runtime) + field.Offset
	} else if found := recovered(h, t, "wakeup.fd"); len(found) == 1 {
		at = uint64(found[0])
	}
	if at == 0 {
		return 0, -1
	}
	n, err := f.peek32(pyheap.Addr(at))
	if err != nil {
		return 0, -1
	}
	return at, int32(n)
}
