package procmem

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// CoreSignal is the signal that ended a process.
type CoreSignal struct {
	Tid    int // of the thread that got it
	Number int
	Code   int32 // si_code of sigaction(2)
	// Known says that Code, Addr and Sender are; older cores have the number alone.
	Known  bool
	Addr   Addr // the address of a fault
	Sender int  // the process that sent it, with kill(2)
}

// The layout of siginfo_t on 64-bit machines.
const (
	siginfoCode  = 8
	siginfoUnion = 16
	siginfoMin   = 24
)

// parseSiginfo reads the note NT_SIGINFO.
func parseSiginfo(desc []byte) (s CoreSignal, ok bool) {
	if len(desc) < siginfoMin {
		return s, false
	}
	s.Number, s.Code, s.Known = int(int32(order.Uint32(desc))), int32(order.Uint32(desc[siginfoCode:])), true
	switch {
	case s.Code <= 0: // of a process
		s.Sender = int(int32(order.Uint32(desc[siginfoUnion:])))
	case s.Fault():
		s.Addr = Addr(order.Uint64(desc[siginfoUnion:]))
	}
	return s, dumps(s.Number)
}

// Fault says whether the signal is one of a fault of the processor, which has an address.
func (s *CoreSignal) Fault() bool {
	switch unix.Signal(s.Number) {
	case unix.SIGSEGV, unix.SIGBUS, unix.SIGILL, unix.SIGFPE, unix.SIGTRAP:
		return s.Known && s.Code > 0
	}
	return false
}

// dumps says whether a signal's default action is to dump core (signal(7)). gcore notes others,
// with which a debugger stops a process.
func dumps(n int) bool {
	switch unix.Signal(n) {
	case unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV,
		unix.SIGXCPU, unix.SIGXFSZ, unix.SIGSYS:
		return true
	}
	return false
}

// crash gives the signal that ended the process: the kernel notes it with the thread that got it,
// which comes first.
func (l *coreLoader) crash() *CoreSignal {
	if l.image || len(l.threads) == 0 {
		return nil
	}
	first := l.threads[0]
	if s := l.signal; s != nil && s.Tid == first.Tid {
		return s
	}
	if dumps(first.Signal) && l.signal == nil {
		return &CoreSignal{Tid: first.Tid, Number: first.Signal}
	}
	return nil
}

// codes are the words of sigaction(2) for si_code, by signal.
var codes = map[unix.Signal]map[int32]string{
	unix.SIGSEGV: {1: "nothing is mapped there", 2: "the memory there does not allow it", 128: "no valid address"},
	unix.SIGBUS:  {1: "misaligned", 2: "beyond the end of the mapped file", 3: "an error of the device"},
	unix.SIGFPE:  {1: "division by zero", 2: "integer overflow"},
	unix.SIGILL:  {1: "no such instruction", 2: "no such operand"},
}

// Name gives the name of the signal, "SIGSEGV".
func (s *CoreSignal) Name() string {
	if n := unix.SignalName(unix.Signal(s.Number)); n != "" {
		return n
	}
	return fmt.Sprintf("signal %d", s.Number)
}

// String describes the signal: "SIGSEGV at 0x8 (nothing is mapped there)".
func (s *CoreSignal) String() string {
	text := s.Name()
	switch {
	case s.Fault():
		if s.Code != 128 { // SI_KERNEL: the processor does not tell the address
			text += fmt.Sprintf(" at %v", s.Addr)
		}
		if why := codes[unix.Signal(s.Number)][s.Code]; why != "" {
			text += " (" + why + ")"
		}
	case s.Known && s.Sender > 0:
		text += fmt.Sprintf(" from process %d", s.Sender)
	}
	return text
}
