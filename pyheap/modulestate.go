package pyheap

import (
	"pyfreeze/symbols"
)

// moduleOffsets are those of PyModuleObject, and of PyModuleDef from its m_size on. Since 3.15 a
// module need not have a definition (PEP 793): it keeps the size and the functions itself, and
// md_token is the definition only where md_token_is_def says so.
type moduleOffsets struct {
	dict, state, name    uint64
	def, isDef           uint64 // md_def, or md_token
	size                 uint64 // m_size in PyModuleDef
	ownSize              uint64 // md_state_size; absent until 3.14
	traverse, free, exec uint64 // md_state_traverse, md_state_free, md_exec
}

func loadModuleOffsets(r *resolver) moduleOffsets {
	const m = "PyModuleObject."
	return moduleOffsets{
		dict: r.must(m + "md_dict"), state: r.must(m + "md_state"),
		name: r.must(m + "md_name"),
		def:  r.must(m+"md_def", m+"md_token"), isDef: r.opt(m + "md_token_is_def"),
		size:    r.must("PyModuleDef.m_size"),
		ownSize: r.opt(m + "md_state_size"), traverse: r.opt(m + "md_state_traverse"),
		free: r.opt(m + "md_state_free"), exec: r.opt(m + "md_exec"),
	}
}

// PyModuleDef functions that know the module's state, by offset from m_size: m_methods, m_slots,
// m_traverse, m_clear, m_free (PEP 489; Include/moduleobject.h). The slots of PEP 820, which take
// the place of m_slots', are as long.
const (
	defSlots    = 16
	defTraverse = 24
	defFree     = 40
	maxDefSlots = 16
)

// statePrefix is what a shipped layout has before the name of a module whose state it describes.
const statePrefix = "state:"

// stateKey says what modules have states of one struct: their definition, or where there is none
// a function, and the size.
type stateKey struct{ def, fn, size uint64 }

// statePlan is the struct of a module's state.
type statePlan struct {
	*plan
	module string
}

// visitModuleState notes the memory that a module keeps its C state in, with the struct that its functions take it
// for.
func (h *Heap) visitModuleState(v visitor, a uint64) {
	o := &h.off.module
	state, _ := h.view.u64(a + o.state)
	key, fns := h.stateOf(a)
	if state == 0 || key.size == 0 || key.size > maxBasicSize {
		return
	}
	at, block, ok := h.blockOf(state) // whatever it looks like: one zero and a type look like a freed object
	if !ok || at != state || state&7 != 0 {
		return
	}
	if p := h.statePlan(key, fns, a); p != nil && h.agrees(p, at, key.size) {
		v.block(planBlock(p), at, block)
		return
	}
	v.edge(edgeWord, state, o.state)
}

// stateOf gives what a module's state is known by, and those of the functions that take it that the
// module has itself.
func (h *Heap) stateOf(a uint64) (key stateKey, fns []uint64) {
	o := &h.off.module
	def, _ := h.view.u64(a + o.def)
	if o.ownSize == absent { // until 3.14
		if def == 0 {
			return key, nil
		}
		size, _ := h.view.u64(def + o.size)
		return stateKey{def: def, size: size}, nil
	}
	if is, _ := h.view.u8(a + o.isDef); o.isDef == absent || is == 0 {
		def = 0
	}
	for off := o.traverse; off <= o.free; off += 8 {
		if fn, _ := h.view.u64(a + off); fn != 0 {
			fns = append(fns, fn)
		}
	}
	if fn, _ := h.view.u64(a + o.exec); fn != 0 {
		fns = append(fns, fn)
	}
	key.def = def
	key.size, _ = h.view.u64(a + o.ownSize)
	if def == 0 && len(fns) > 0 {
		key.fn = fns[0]
	}
	if def == 0 && len(fns) == 0 {
		key.size = 0 // nobody knows it
	}
	return key, fns
}

// statePlan finds the struct of a module's state, once for each key.
func (h *Heap) statePlan(key stateKey, fns []uint64, a uint64) *plan {
	if p, ok := h.statePlans[key]; ok {
		return p.plan
	}
	if key.def != 0 {
		fns = append(fns, h.defFunctions(key.def)...)
	}
	name := h.moduleOwnName(key.def, a)
	p := h.findStatePlan(key, fns, name)
	h.statePlans[key] = statePlan{p, name}
	return p
}

// defFunctions are those of a definition.
func (h *Heap) defFunctions(def uint64) []uint64 {
	first := def + h.off.module.size
	fns := make([]uint64, 0, 2*maxDefSlots)
	for off := uint64(defTraverse); off <= defFree; off += 8 {
		if fn, ok := h.view.u64(first + off); ok && fn != 0 {
			fns = append(fns, fn)
		}
	}
	slots, _ := h.view.u64(first + defSlots)
	for i := uint64(0); slots != 0 && i < maxDefSlots; i++ {
		b, ok := h.view.bytes(slots+16*i, 16)
		if !ok || le64(b, 0) == 0 {
			break
		}
		fns = append(fns, le64(b, 8))
	}
	return fns
}

// findStatePlan looks for a local variable of the functions that leads to a struct of that size.
func (h *Heap) findStatePlan(key stateKey, fns []uint64, name string) *plan {
	size := key.size
	for _, fn := range fns {
		m, lay := h.moduleAt(fn)
		if lay == nil {
			continue
		}
		f, _ := lay.FuncAt(Addr(fn) - m.Bias)
		for i := range f.Locals {
			if r := &f.Locals[i].Type; r.Elem != nil && r.Elem.Kind == symbols.KindStruct && r.Elem.Size == size {
				return h.planOf(lay, *r.Elem)
			}
		}
	}
	return h.stateByName(max(key.def, key.fn), size, name)
}

// stateByName looks for the struct among those that CPython's modules call their state: the one of that size, if
// there is just one. The address lies in the file that the module is of.
func (h *Heap) stateByName(at, size uint64, name string) *plan {
	_, lay := h.moduleAt(at)
	if lay == nil {
		return nil
	}
	if st, ok := lay.ObjectStruct(statePrefix + name); ok && st.Size == size {
		return h.planOfStruct(lay, st)
	}
	var found *plan
	for _, name := range stateNames(name) {
		for _, st := range lay.StructsNamed(name) {
			if st.Size != size {
				continue
			}
			p := h.planOfStruct(lay, st)
			if found != nil && p != found {
				return nil
			}
			found = p
		}
	}
	return found
}

// moduleOwnName is the name in a definition, or that of the module where there is none.
func (h *Heap) moduleOwnName(def, a uint64) string {
	if def == 0 {
		p, _ := h.view.u64(a + h.off.module.name)
		name, _ := h.str(p, maxName) // of a damaged one, none
		return name
	}
	p, _ := h.view.u64(def + h.off.module.size - 16) // m_name, m_doc, m_size
	name, _ := h.view.cstring(p, maxName)
	return name
}

// stateNames are what the struct of a module's state may be called.
func stateNames(module string) []string {
	short := module
	for len(short) > 0 && short[0] == '_' {
		short = short[1:]
	}
	var out []string
	for _, n := range []string{module, short, "_" + short} {
		for _, suffix := range []string{"state", "_state", "modulestate", "module_state", "State", "_globals"} {
			out = append(out, n+suffix)
		}
	}
	return append(out, "module_state", "modulestate", "_modulestate", "state")
}

// agrees says whether no word that the plan calls data is the address of an object: structs of several modules may have
// the same name and size.
func (h *Heap) agrees(p *plan, at, size uint64) bool {
	p = h.compiled(p)
	b := h.view.clip(at, size)
	for off := uint64(0); off+8 <= uint64(len(b)); off += 8 {
		q := le64(b, off)
		if s := h.view.find(q); s != nil && q&7 == 0 && p.wordAt(off).kind == wordData && h.objectIn(s, q) != nil {
			return false
		}
	}
	return true
}
