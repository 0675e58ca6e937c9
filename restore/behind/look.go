package behind

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"pyfreeze/pyheap"
)

// Bounds of what is looked at.
const (
	maxObjects = 1 << 19
	maxSlots   = 1 << 14 // of one object
	maxDepth   = 12
	maxText    = 80 // characters of a value that are told
)

// picture is what modules hold at one moment.
type picture struct {
	h       *pyheap.Heap
	objects map[pyheap.Addr]*object
	order   []pyheap.Addr // as they were found: breadth first from the modules
	texts   map[pyheap.Addr]string
	types   map[pyheap.Addr]typeKind
	modules map[pyheap.Addr]string // names of modules
}

// typeKind is how objects of a type are looked at.
type typeKind uint8

const (
	kindOther typeKind = iota
	kindFixed
	kindLeaf
	kindFunction
	kindCache
	kindCell
	kindModule
)

// kindOf gives the kind of a type.
func (p *picture) kindOf(typ pyheap.Addr) typeKind {
	if k, ok := p.types[typ]; ok {
		return k
	}
	k, name := kindOther, p.h.TypeNameOf(typ)
	switch {
	case fixed[name]:
		k = kindFixed
	case name == "builtins.module":
		k = kindModule
	case leaf[name]:
		k = kindLeaf
	case name == "builtins.function":
		k = kindFunction
	case name == "functools._lru_cache_wrapper":
		k = kindCache
	case name == "builtins.cell":
		k = kindCell
	}
	p.types[typ] = k
	return k
}

// object is one that can change: a module, a class, an instance, a container, a function.
type object struct {
	typ       pyheap.Addr
	form      form
	own       bool // found from a module of the program
	parent    *object
	step      string // from there; of a module the whole path
	depth     int
	slots     []slot
	container bool // which is told by what it holds
	changed   bool // by the run, before the last import
}

// form is how an object's slots are compared.
type form uint8

const (
	formNamed    form = iota // by their names
	formSequence             // as a list
	formSet                  // as a set
)

// slot is what an object holds in one place.
type slot struct {
	step string // to there
	text string // of a value that cannot change; else ""
	to   pyheap.Addr
	typ  pyheap.Addr // of what is there
	told string      // what is told of it; "" as long as that need not be known
}

// path is how a module leads to the object.
func (o *object) path() string {
	var steps []string
	for ; o != nil; o = o.parent {
		steps = append(steps, o.step)
	}
	slices.Reverse(steps)
	return strings.Join(steps, "")
}

// look finds what can change below all modules but the script's: that has a new one in a thaw.
// own leaves those of Python's own library out, but for the environment.
func look(h *pyheap.Heap, own bool) (*picture, error) {
	mods, err := h.Modules()
	if err != nil {
		return nil, err
	}
	p := &picture{h: h, objects: map[pyheap.Addr]*object{}, texts: map[pyheap.Addr]string{},
		types: map[pyheap.Addr]typeKind{}, modules: map[pyheap.Addr]string{}}
	for _, m := range mods {
		p.modules[m.Addr] = m.Name
	}
	library := libraryOf(h)
	for _, m := range mods {
		if m.Dict != 0 && m.Name != "__main__" && !bookkeeping(m.Name, "") {
			step := "sys.modules['" + m.Name + "']"
			o := &object{step: step, own: !library.has(m)}
			if o.own || !own || m.Name == "posix" {
				p.add(m.Addr, o)
			}
		}
	}
	for i := 0; i < len(p.order) && len(p.order) < maxObjects; i++ {
		a := p.order[i]
		p.fill(a, p.objects[a])
	}
	return p, nil
}

// OwnModules lists the modules that belong to the program, not to Python's own library, but for the
// script's.
func OwnModules(h *pyheap.Heap) ([]pyheap.Module, error) {
	mods, err := h.Modules()
	library := libraryOf(h)
	return slices.DeleteFunc(mods, func(m pyheap.Module) bool {
		return m.Name == "__main__" || library.has(m)
	}), err
}

// add notes an object to be looked at.
func (p *picture) add(a pyheap.Addr, o *object) {
	if p.objects[a] != nil {
		return
	}
	typ, err := p.h.TypeOf(a)
	if err != nil {
		return
	}
	o.typ = typ
	p.objects[a] = o
	p.order = append(p.order, a)
}

// fill notes what an object holds, and finds further ones.
func (p *picture) fill(a pyheap.Addr, o *object) {
	switch p.kindOf(o.typ) {
	case kindFunction:
		p.function(a, o)
	case kindCache:
		p.cache(a, o)
	case kindCell:
		for _, e := range p.h.Edges(a) {
			if e.How != ".__class__" {
				p.slot(o, ".cell_contents", e.Object)
			}
		}
	case kindModule:
		p.attributes(a, o, strings.TrimSuffix(strings.TrimPrefix(o.step, "sys.modules['"), "']"))
	default:
		p.attributes(a, o, "")
		p.items(a, o)
	}
}

// attributes notes what an object holds by names.
func (p *picture) attributes(a pyheap.Addr, o *object, module string) {
	attrs, err := p.h.Attributes(a, maxSlots)
	if err != nil {
		return
	}
	for _, at := range attrs {
		if module != "" && p.modules[at.Value] == module+"."+at.Name {
			continue // which its import has set
		}
		if !structural[at.Name] && !bookkeeping(module, at.Name) {
			p.slot(o, pyheap.AttrStep(at.Name), at.Value)
		}
	}
}

// items notes what a container holds.
func (p *picture) items(a pyheap.Addr, o *object) {
	items, total, err := p.h.Items(a, maxSlots)
	if err != nil || total < 0 {
		return
	}
	o.container = true
	if _, err := p.h.DictItems(a, 0); err != nil {
		o.form = formSequence
	}
	if _, err := p.h.SetItems(a, 0); err == nil {
		o.form = formSet
	}
	for i, it := range items {
		switch {
		case o.form == formSet:
			p.slot(o, "{"+p.text(it.Value)+"}", it.Value)
		case o.form == formSequence:
			p.slot(o, fmt.Sprintf("[%d]", i), it.Value)
		default: // a dict, or a mappingproxy
			p.slot(o, "["+p.text(it.Key)+"]", it.Value)
		}
	}
}

// function notes what a function keeps: its defaults, what it has from around it, its attributes.
func (p *picture) function(a pyheap.Addr, o *object) {
	attrs, err := p.h.Attributes(a, maxSlots)
	if err != nil {
		return
	}
	for _, at := range attrs {
		if at.From == pyheap.FromDict && at.Name != "__wrapped__" || at.Name == "__closure__" {
			p.slot(o, pyheap.AttrStep(at.Name), at.Value)
		}
	}
	for field, step := range map[string]string{
		"func_defaults": ".__defaults__", "func_kwdefaults": ".__kwdefaults__",
	} {
		if v, err := p.h.CField(a, field); err == nil && v != 0 {
			p.slot(o, step, pyheap.Addr(v))
		}
	}
	slices.SortFunc(o.slots, func(a, b slot) int { return strings.Compare(a.step, b.step) })
}

// cache notes how many results functools.lru_cache keeps.
func (p *picture) cache(a pyheap.Addr, o *object) {
	if v, err := p.h.CField(a, "cache"); err == nil {
		if _, n, err := p.h.Items(pyheap.Addr(v), 0); err == nil && n >= 0 {
			o.slots = append(o.slots, slot{step: ".cache_info().currsize", text: fmt.Sprint(n)})
		}
	}
	if v, err := p.h.Attr(a, "__wrapped__"); err == nil {
		p.slot(o, ".__wrapped__", v)
	}
}

// slot notes one place, and the object there.
func (p *picture) slot(o *object, step string, to pyheap.Addr) {
	typ, err := p.h.TypeOf(to)
	if err != nil {
		return
	}
	s := slot{step: step, to: to, typ: typ}
	k := p.kindOf(typ)
	if k == kindFixed {
		s.text = p.text(to)
	} else if o.depth < maxDepth && k != kindLeaf && k != kindModule {
		p.add(to, &object{own: o.own, parent: o, step: step, depth: o.depth + 1})
	}
	o.slots = append(o.slots, s)
}

// text is how a value is told; what is cut off counts, too.
func (p *picture) text(a pyheap.Addr) string {
	if s, ok := p.texts[a]; ok {
		return s
	}
	s := p.h.Repr(a, maxText)
	if strings.HasSuffix(s, "...") {
		sum := fnv.New64a()
		_, _ = sum.Write([]byte(p.h.Repr(a, -1))) // it never fails
		s += fmt.Sprintf("#%x", sum.Sum64())
	}
	p.texts[a] = s
	return s
}
