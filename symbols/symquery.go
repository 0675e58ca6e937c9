package symbols

import (
	"cmp"
	"debug/elf"
	"slices"
	"sort"
	"strings"

	"pyfreeze/procmem"
)

// Var is a global or static variable with its C type.
type Var struct {
	Name  string
	Addr  procmem.Addr // link-time address
	Size  uint64       // bytes
	Local bool
	Type  TypeRef // KindUnknown when only the symbol is known
}

// Param is a parameter of a function.
type Param struct {
	Name string
	Type TypeRef
}

// Func is a function with code of its own and its declared signature.
type Func struct {
	Name   string
	Addr   procmem.Addr // link-time entry
	Result TypeRef
	Params []Param
	Locals []Param // variables of its outermost block that point to structs
}

func (s *symRec) sym() Sym {
	return Sym{Name: s.name, Addr: procmem.Addr(s.addr), Size: s.size, Type: elf.SymType(s.typ), Local: s.local}
}

// Symbol returns the symbol with exactly that name: .dynsym's, else a global,
// else a local one. A static function that the compiler renamed is found only
// as "name.lto_priv.0" and the like: see Symbols.
func (l *Layout) Symbol(name string) (Sym, error) {
	i, ok := l.byName()[name]
	if !ok {
		hint := ""
		if more := l.Symbols(name); len(more) > 0 {
			hint = "but it has " + more[0].Name
		}
		return Sym{}, &NotFoundError{l.Path, "symbol", name, hint}
	}
	return l.t.syms[i].sym(), nil
}

// Symbols returns all symbols called name, and all called name.SUFFIX, which is
// how compilers rename statics and clones (.lto_priv.N, .constprop.N, .isra.N,
// .part.N, .cold, .N).
func (l *Layout) Symbols(name string) []Sym {
	var out []Sym
	for _, prefix := range []string{name, name + "."} {
		i := sort.Search(len(l.t.syms), func(i int) bool { return l.t.syms[i].name >= prefix })
		for ; i < len(l.t.syms); i++ {
			s := &l.t.syms[i]
			if s.name != name && !strings.HasPrefix(s.name, name+".") || prefix == name && s.name != name {
				break
			}
			out = append(out, s.sym())
		}
	}
	return out
}

// SymbolAt returns the symbol that covers a link-time address, and the offset
// inside it. Functions and objects with a size only.
func (l *Layout) SymbolAt(a procmem.Addr) (s Sym, off uint64, ok bool) {
	idx := l.byAddr()
	i := sort.Search(len(idx), func(i int) bool { return l.t.syms[idx[i]].addr > uint64(a) })
	// Symbols may nest or overlap (clones, aliases): look a few back.
	for n := 0; i > 0 && n < 8; n++ {
		i--
		r := &l.t.syms[idx[i]]
		if d := uint64(a) - r.addr; d < r.size {
			return r.sym(), d, true
		}
	}
	return Sym{}, 0, false
}

func (l *Layout) sortByAddr() []int32 {
	var idx []int32
	for i := range l.t.syms {
		s := &l.t.syms[i]
		if s.size > 0 && elf.SymType(s.typ) != elf.STT_TLS {
			idx = append(idx, int32(i))
		}
	}
	slices.SortStableFunc(idx, func(a, b int32) int { return cmp.Compare(l.t.syms[a].addr, l.t.syms[b].addr) })
	return idx
}

// Var returns a global or static variable. Its address comes from the symbol
// table where DWARF has none; a static that the compiler renamed is accepted
// when there is only one such.
func (l *Layout) Var(name string) (Var, error) {
	v := Var{Name: name}
	i, known := l.varName()[name]
	if known {
		r := &l.t.vars[i]
		v.Type, v.Addr, v.Local = *l.ref(r.typ), procmem.Addr(r.addr), true
		v.Size = v.Type.Size
	}
	if s, ok := l.varSymbol(name, v.Addr); ok {
		v.Addr, v.Local = s.Addr, s.Local
		if s.Size > 0 {
			v.Size = s.Size
		}
	} else if v.Addr == 0 {
		hint := ""
		if known {
			hint = "it is optimized out or thread-local"
		}
		return Var{}, &NotFoundError{l.Path, "variable", name, hint}
	}
	return v, nil
}

// varSymbol returns the data symbol of a variable; at, where not 0, is the
// address that it must have.
func (l *Layout) varSymbol(name string, at procmem.Addr) (Sym, bool) {
	var hits []Sym
	for _, s := range l.Symbols(name) {
		if s.Type == elf.STT_FUNC || s.Type == elf.STT_TLS || at != 0 && s.Addr != at {
			continue
		}
		if s.Name == name {
			return s, true
		}
		hits = append(hits, s)
	}
	if len(hits) != 1 {
		return Sym{}, false
	}
	return hits[0], true
}

// VarAt returns the variable that starts at a link-time address.
func (l *Layout) VarAt(a procmem.Addr) (Var, bool) {
	i, ok := l.varAddr()[uint64(a)]
	if !ok {
		return Var{}, false
	}
	return l.placed(&l.t.vars[i]), true
}

// Vars calls fn for every variable whose address DWARF knows, by name.
func (l *Layout) Vars(fn func(Var)) {
	for i := range l.t.vars {
		if r := &l.t.vars[i]; r.addr != 0 {
			fn(l.placed(r))
		}
	}
}

func (l *Layout) placed(r *varRec) Var {
	t := *l.ref(r.typ)
	v := Var{Name: r.name, Addr: procmem.Addr(r.addr), Size: t.Size, Local: true, Type: t}
	if i, ok := l.byName()[r.name]; ok && l.t.syms[i].addr == r.addr {
		v.Local = l.t.syms[i].local
	}
	return v
}

// FuncAt returns the function whose code starts at a link-time address.
func (l *Layout) FuncAt(a procmem.Addr) (Func, bool) {
	i, ok := l.fnAddr()[uint64(a)]
	if !ok {
		return Func{}, false
	}
	r := &l.t.funcs[i]
	f := Func{Name: r.name, Addr: a, Result: *l.ref(r.result), Params: make([]Param, r.n), Locals: make([]Param, r.locals)}
	for j := range f.Params {
		p := &l.t.params[r.first+int32(j)]
		f.Params[j] = Param{p.name, *l.ref(p.typ)}
	}
	for j := range f.Locals {
		p := &l.t.params[r.first+r.n+int32(j)]
		f.Locals[j] = Param{p.name, *l.ref(p.typ)}
	}
	return f, true
}

// FuncParamTypes returns the parameter types of the function with that symbol.
func (l *Layout) FuncParamTypes(sym string) ([]TypeRef, error) {
	s, err := l.Symbol(sym)
	if err != nil {
		return nil, err
	}
	f, ok := l.FuncAt(s.Addr)
	if !ok {
		return nil, &NotFoundError{l.Path, "function", sym, "the symbol has no signature in DWARF"}
	}
	out := make([]TypeRef, len(f.Params))
	for i := range f.Params {
		out[i] = f.Params[i].Type
	}
	return out, nil
}
