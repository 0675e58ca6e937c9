package pyheap

import "slices"

// pythonHash is what a __hash__ in Python uses, as far as its names tell.
type pythonHash struct {
	why   string   // why nothing is known; "" if names and globals say all
	names []string // attributes of self
	maybe []string // names of builtins and globals; they may be attributes, too
	class bool     // it uses the type of self
	used  []uint64 // global objects that it uses
}

// pureBuiltins depend on their argument alone; given self, on the special methods named here.
var pureBuiltins = map[string][]string{
	"hash": nil, "tuple": {"__iter__", "__getitem__"}, "frozenset": {"__iter__", "__getitem__"},
	"int": {"__int__", "__index__", "__trunc__"}, "hex": {"__index__"}, "len": {"__len__"},
}

const (
	maxHashNames   = 32
	suspiciousHash = 1 << 31 // an int of that size may be a hash that was kept
	keptHash       = ", which may be a hash that it kept"
)

// isPython says whether a class in Python computes the hash of the objects of t.
func (x *hasher) isPython(t *typeInfo) bool { return x.ruleOf(t).python }

// python looks at a __hash__ that a class defines. Known is one whose code has no variables but self, makes no
// functions, and names nothing but attributes of self that are data, hash() and other pure builtins: whatever it
// does with them, it is computed from these attributes.
func (x *hasher) python(a uint64, t *typeInfo) HashBasis {
	r := x.ruleOf(t)
	if r.body == nil {
		r.body = x.h.pythonHash(t)
	}
	if r.body.why != "" {
		return x.unknown("%s", r.body.why)
	}
	name := x.h.nameOf(t)
	b := HashValue
	if r.body.class {
		b = x.address(t.addr)
	}
	for _, p := range r.body.used {
		b = b.join(x.basis(p))
	}
	names := r.body.names
	for _, attr := range r.body.maybe {
		if _, ok := x.dataAttr(a, t, attr); ok {
			if attr == "type" {
				return x.unknown("__hash__ of %s uses an attribute or function named type", name)
			}
			names = append(slices.Clone(names), attr)
		}
	}
	for _, attr := range names {
		p, ok := x.dataAttr(a, t, attr)
		if !ok {
			return x.unknown("__hash__ of %s uses %s, which is no data of the object", name, attr)
		}
		if pt, err := x.h.typeOf(p); err == nil && pt.kind == kindInt {
			if v, err := x.h.Int(Addr(p)); err == nil && (v >= suspiciousHash || v <= -suspiciousHash) {
				return x.unknown("__hash__ of %s uses %s"+keptHash, name, attr)
			}
		}
		part := x.basis(p)
		if part == HashNone {
			return x.unknown("__hash__ of %s uses %s, which has no hash of its own", name, attr)
		}
		b = b.join(part)
	}
	return b
}

// dataAttr gives an attribute that the object keeps and no code computes.
func (x *hasher) dataAttr(a uint64, t *typeInfo, name string) (uint64, bool) {
	h := x.h
	class, inClass := h.mroAttr(t.addr, name)
	if inClass {
		ct, err := h.typeOf(class)
		if err != nil {
			return 0, false
		}
		switch {
		case h.nameOf(ct) == "builtins.member_descriptor":
			return h.memberAttr(a, t, name)
		case ct.kind < kindStr || ct.kind > kindSet && ct.kind != kindAtom:
			return 0, false // a descriptor, or something that can be called
		}
	}
	if v, ok := h.instanceAttr(a, t, name); ok {
		return v, true
	}
	return class, inClass
}

// pythonHash reads the function that a type has for __hash__.
func (h *Heap) pythonHash(t *typeInfo) *pythonHash {
	p := &pythonHash{}
	name := h.nameOf(t)
	fn, ok := h.mroAttr(t.addr, "__hash__")
	ft, err := h.typeOf(fn)
	if !ok || err != nil || h.nameOf(ft) != "builtins.function" {
		p.why = "__hash__ of " + name + " is no Python function"
		return p
	}
	code, ok1 := h.memberAttr(fn, ft, "func_code")
	globals, ok2 := h.memberAttr(fn, ft, "func_globals")
	ct, err := h.typeOf(code)
	if !ok1 || !ok2 || err != nil || ct.kind != kindCode {
		p.why = "__hash__ of " + name + " cannot be read"
		return p
	}
	if !h.plainCode(code, ct) {
		p.why = "__hash__ of " + name + " has variables or functions of its own"
		return p
	}
	namesTuple, _ := h.memberAttr(code, ct, "co_names")
	items, err := h.TupleItems(Addr(namesTuple), maxHashNames+1)
	if err != nil || len(items) > maxHashNames {
		p.why = "__hash__ of " + name + " cannot be read"
		return p
	}
	for _, it := range items {
		s, err := h.str(uint64(it), maxName)
		if err != nil {
			p.why = "__hash__ of " + name + " cannot be read"
			return p
		}
		if p.use(h, t, s, globals); p.why != "" {
			return p
		}
	}
	return p
}

// use notes one name of the code.
func (p *pythonHash) use(h *Heap, t *typeInfo, s string, globals uint64) {
	name := h.nameOf(t)
	g, isGlobal := h.dictGet(globals, s)
	special, isPure := pureBuiltins[s]
	switch {
	case s == "id":
		p.why = "__hash__ of " + name + " may use id()"
	case s == "__hash__" || s == "super":
		p.why = "__hash__ of " + name + " calls that of another class"
	case s == "__class__" || s == "type" && !isGlobal:
		p.class = true
		p.maybe = append(p.maybe, s)
	case isGlobal:
		p.maybe = append(p.maybe, s)
		gt, err := h.typeOf(g)
		if err != nil || gt.kind == kindType || h.isCallable(gt) {
			p.why = "__hash__ of " + name + " calls " + s
			return
		}
		p.used = append(p.used, g)
	case isPure:
		p.maybe = append(p.maybe, s)
		for _, m := range special {
			if _, ok := h.mroAttr(t.addr, m); ok {
				p.why = "__hash__ of " + name + " may call " + m
			}
		}
	default:
		p.names = append(p.names, s)
	}
}

// isCallable says whether objects of the type are made to be called and nothing else.
func (h *Heap) isCallable(t *typeInfo) bool {
	return slices.Contains([]string{"builtins.function", "builtins.builtin_function_or_method", "builtins.method",
		"functools._lru_cache_wrapper", "functools.partial"}, h.nameOf(t))
}

// plainCode says whether code has one argument, no other variable and no function inside.
func (h *Heap) plainCode(code uint64, t *typeInfo) bool {
	o := &h.off.code
	n, _ := h.view.u32(code + o.nlocals)
	if n != 1 {
		return false
	}
	if o.nlocalsplus != absent {
		if all, _ := h.view.u32(code + o.nlocalsplus); all != 1 {
			return false
		}
	} else {
		for _, off := range []uint64{o.freevars, o.cellvars} {
			p, _ := h.view.u64(code + off)
			if items, err := h.TupleItems(Addr(p), 1); err != nil || len(items) != 0 {
				return false
			}
		}
	}
	consts, ok := h.memberAttr(code, t, "co_consts")
	if !ok {
		return false
	}
	items, err := h.TupleItems(Addr(consts), maxHashNames)
	if err != nil || len(items) >= maxHashNames {
		return false
	}
	return !slices.ContainsFunc(items, func(a Addr) bool {
		ct, err := h.typeOf(uint64(a))
		return err != nil || ct.kind == kindCode
	})
}
