package stub

// What entry (entry_amd64.s) found before the Go runtime started.
var (
	startClosed  uint32 // bit n: descriptor n was closed
	startKnown   uint32
	startMask    uint64
	startIgnored uint64
)

// launcher is not a Go function: it is C code in the program's text (launch.c, guards.c, spawn.c), which entry calls.
//
//lint:ignore U1000 it is C code, which entry_amd64.s calls
func launcher()

// Linked says whether this binary has the launcher: it was linked with -E pyfreeze/restore/stub.entry, and that has run.
func Linked() bool { return startKnown != 0 }

// Started is how this process was started, as far as the Go runtime changes it.
type Started struct {
	Closed  [3]bool // which of the standard descriptors were closed
	Blocked uint64  // signals: bit n-1 is signal n
	Ignored uint64
}

// Start returns how this process was started. ok is false where nobody looked: see Linked.
func Start() (s Started, ok bool) {
	for fd := range s.Closed {
		s.Closed[fd] = startClosed>>fd&1 != 0
	}
	s.Blocked, s.Ignored = startMask, startIgnored
	return s, Linked()
}
