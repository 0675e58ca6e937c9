package pyheap

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"pyfreeze/symbols"
)

// CLocation is a C value in the target.
type CLocation struct {
	Layout *symbols.Layout // that Type belongs to
	Type   symbols.TypeRef
	Addr   Addr
}

// LocateC finds a C value. typ names its type, as [symbols.Layout.Type] takes it, perhaps after the name of a
// file and a colon ("_sqlite3:pysqlite_Connection"); module names that file, too, and "" is the
// interpreter. expr is an address, a variable, or a path as [Heap.Lookup] takes it; steps to fields may follow,
// ".name", "->name" and "[0]". Without typ the type is that of the variable, or the struct of the object.
// Errors: *LookupError, *symbols.NotFoundError, *symbols.MissingDebugError.
func (h *Heap) LocateC(module, typ, expr string) (_ CLocation, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	if m, rest, ok := strings.Cut(typ, ":"); ok && module == "" {
		if _, err := h.lay.Type(typ); err != nil { // "file.c:x" is a type of the interpreter
			module, typ = m, rest
		}
	}
	lay, bias := h.lay, h.in.Bias
	if module != "" {
		m, err := h.moduleNamed(module)
		if err != nil {
			return CLocation{}, err
		}
		if lay, err = symbols.LoadModuleLayout(h.ctx, m.File, h.lay); err != nil {
			return CLocation{}, err
		}
		bias = m.Bias
	}
	at, steps, err := h.locate(lay, bias, expr)
	if err != nil {
		return CLocation{}, err
	}
	if typ != "" {
		if at.Type, err = lay.Type(typ); err != nil {
			return CLocation{}, err
		}
		at.Layout = lay
	}
	if at.Layout == nil {
		return CLocation{}, &LookupError{Path: expr, Step: expr, At: at.Addr, Err: errors.New("no C struct is known of what lies there: name one before the address")}
	}
	return h.follow(at, expr, steps)
}

// moduleNamed finds a loaded file by its name, or the part of it before ".so", ".cpython-311..." or "-".
func (h *Heap) moduleNamed(name string) (symbols.Module, error) {
	var names []string
	for path, m := range h.modulesByPath() {
		base := filepath.Base(path)
		short, _, _ := strings.Cut(base, ".")
		if name == path || name == base || name == short {
			return m, nil
		}
		names = append(names, short)
	}
	slices.Sort(names)
	return symbols.Module{}, &LookupError{Path: name, Step: name, Err: fmt.Errorf("no file of that name is loaded (or it was replaced since); loaded are %s", strings.Join(names, ", "))}
}

// locate finds what an expression begins with, and the steps to fields that follow.
func (h *Heap) locate(lay *symbols.Layout, bias Addr, expr string) (at CLocation, steps string, err error) {
	i := strings.IndexAny(expr, ".[-")
	if i < 0 {
		i = len(expr)
	}
	first := expr[:i]
	if digits, ok := strings.CutPrefix(first, "0x"); ok {
		a, err := strconv.ParseUint(digits, 16, 64)
		if err != nil {
			return at, "", &LookupError{Path: expr, Step: first, Err: errSyntax}
		}
		at.Addr = Addr(a)
		return h.asObject(at), expr[i:], nil
	}
	if v, err := lay.Var(first); err == nil {
		at = CLocation{Addr: v.Addr + bias}
		if v.Type.Kind != symbols.KindUnknown {
			at.Layout, at.Type = lay, v.Type
		}
		return at, expr[i:], nil
	}
	// A Python path: as many of its steps as it has, then fields of the C struct.
	for end := len(expr); end > 0; end = lastStep(expr[:end]) {
		a, lookupErr := h.Lookup(expr[:end])
		if lookupErr == nil {
			at.Addr = a
			return h.asObject(at), expr[end:], nil
		}
		if err == nil {
			err = lookupErr
		}
	}
	return at, "", err
}

// lastStep gives where the last step of a path begins, 0 if it has only one.
func lastStep(s string) int {
	i := strings.LastIndexAny(s, ".[")
	if j := strings.LastIndex(s, "->"); j > i {
		i = j
	}
	return max(i, 0)
}

// asObject adds the struct of the object at an address, if there is one.
func (h *Heap) asObject(at CLocation) CLocation {
	if h.isObject(uint64(at.Addr)) {
		if lay, r, ok := h.StructOf(at.Addr); ok {
			at.Layout, at.Type = lay, r
		}
	}
	return at
}

// follow takes steps to fields.
func (h *Heap) follow(at CLocation, expr, steps string) (CLocation, error) {
	fail := func(step string, err error) (CLocation, error) {
		return at, &LookupError{Path: expr, Step: step, At: at.Addr, Err: err}
	}
	for steps != "" {
		next := steps
		arrow := strings.HasPrefix(steps, "->")
		if i := strings.Index(steps[2*b2i(arrow):], "->"); i >= 0 {
			next = steps[:i+2*b2i(arrow)]
		}
		steps = steps[len(next):]
		if arrow {
			p, ok := h.view.u64(uint64(at.Addr))
			if at.Type.Kind != symbols.KindPointer || at.Type.Elem == nil {
				return fail(next, fmt.Errorf("a %s is no pointer", at.Type.String()))
			}
			if !ok || p == 0 {
				return fail(next, errors.New("the pointer before it is NULL or not in known memory"))
			}
			at.Addr, at.Type = Addr(p), *at.Type.Elem
			next = next[2:]
		}
		f, err := at.Layout.FieldOf(at.Type, strings.TrimPrefix(next, "."))
		if err != nil {
			return fail(next, err)
		}
		if f.BitSize > 0 {
			return fail(next, errors.New("a bit-field has no address: show the struct"))
		}
		at.Addr, at.Type = at.Addr+Addr(f.Offset), f.Type
	}
	return at, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
