package pyheap

import (
	"pyfreeze/symbols"
)

// PyModuleDef functions that know the module's state, by offset from m_size: m_methods, m_slots, m_traverse,
// m_clear, m_free (PEP 489; Include/moduleobject.h).
const (
	defSlots    = 16
	defTraverse = 24
	defFree     = 40
	maxDefSlots = 16
)

// statePrefix is what a shipped layout has before the name of a module whose state it describes.
const statePrefix = "state:"

// visitModuleState notes the memory that a module keeps its C state in, with the struct that its functions take it
// for.
func (h *Heap) visitModuleState(v visitor, a uint64) {
	o := &h.off.module
	state, _ := h.view.u64(a + o.state)
	def, _ := h.view.u64(a + o.def)
	size, ok := h.view.u64(def + o.size)
	if state == 0 || def == 0 || !ok || size == 0 || size > maxBasicSize {
		return
	}
	at, block, ok := h.blockOf(state) // whatever it looks like: one zero and a type look like a freed object
	if !ok || at != state || state&7 != 0 {
		return
	}
	if p := h.statePlan(def, size); p != nil && h.agrees(p, at, size) {
		v.block(planBlock(p), at, block)
		return
	}
	v.edge(edgeWord, state, o.state)
}

// statePlan finds the struct of a module's state, once for each definition.
func (h *Heap) statePlan(def, size uint64) *plan {
	if p, ok := h.statePlans[def]; ok {
		return p
	}
	p := h.findStatePlan(def, size)
	h.statePlans[def] = p
	return p
}

func (h *Heap) findStatePlan(def, size uint64) *plan {
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
	return h.stateByName(def, size)
}

// stateByName looks for the struct among those that CPython's modules call their state: the one of that size, if
// there is just one.
func (h *Heap) stateByName(def, size uint64) *plan {
	_, lay := h.moduleAt(def)
	if lay == nil {
		return nil
	}
	if st, ok := lay.ObjectStruct(statePrefix + h.defName(def)); ok && st.Size == size {
		return h.planOfStruct(lay, st)
	}
	var found *plan
	for _, name := range stateNames(h.defName(def)) {
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

func (h *Heap) defName(def uint64) string {
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
