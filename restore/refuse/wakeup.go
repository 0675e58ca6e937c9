package refuse

import (
	"fmt"

	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// wakeup looks for a descriptor that signals write to, which a program that runs again has not: a static variable until 3.11, then in the
// runtime state (gh-81057).
func (t *Target) wakeup() []Offender {
	at := uint64(0)
	if v, err := t.Layout.Var("wakeup"); err == nil && v.Type.Kind == symbols.KindStruct {
		if field, err := t.Layout.FieldOf(v.Type, "fd"); err == nil {
			at = uint64(v.Addr+t.Bias) + field.Offset
		}
	} else if field, err := t.Layout.Field("_PyRuntimeState", "signals.wakeup.fd"); err == nil {
		at = uint64(t.Runtime) + field.Offset
	} else if found := t.recovered("wakeup.fd"); len(found) == 1 {
		at = uint64(found[0])
	}
	if at == 0 {
		return nil
	}
	fd, err := t.Space.I32(pyheap.Addr(at))
	if err != nil || fd == -1 {
		return nil
	}
	return []Offender{{"wakeup-fd", "signal.set_wakeup_fd", fmt.Sprintf("descriptor %d, which signals write to", fd),
		"call signal.set_wakeup_fd(-1) before the freeze"}}
}
