package pyheap

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/symbols"
)

// ObjectStructs says for all types that a walk has met, and for the states of modules, which C struct debug information gives
// them: what a layout without debug information has to be told. Modules are given by the layouts that they have.
func (h *Heap) ObjectStructs() (out []symbols.ObjectStruct, modules map[string]*symbols.Layout, err error) {
	defer guard(&err)
	defer h.begin(h.walkLimit())()
	modules = map[string]*symbols.Layout{}
	for path, lay := range h.layouts {
		if lay != nil && !lay.Shipped() && filepath.Base(filepath.Dir(path)) == "lib-dynload" {
			modules[moduleOfFile(path)] = lay
		}
	}
	add := func(name string, p *plan) {
		if p == nil || p.st == nil || p.lay == nil || strings.ContainsRune(name, ' ') {
			return
		}
		o := symbols.ObjectStruct{Type: name, Struct: p.name, Where: p.st.Where}
		if p.lay != h.lay {
			if o.Module = moduleOfFile(p.lay.Path); modules[o.Module] != p.lay {
				return
			}
		}
		out = append(out, o)
	}
	for _, t := range slices.Clone(h.list) { // looking at one may add others
		if t.addr != 0 && (t.flags&flagHeapType == 0 || h.layoutOfDealloc(t) != nil) && !strings.HasPrefix(h.nameOf(t), "__main__.") {
			add(h.nameOf(t), h.ownStruct(t))
		}
	}
	for _, p := range h.statePlans {
		add(statePrefix+p.module, p.plan)
	}
	slices.SortFunc(out, func(a, b symbols.ObjectStruct) int { return cmp.Compare(a.Type, b.Type) })
	return slices.CompactFunc(out, func(a, b symbols.ObjectStruct) bool { return a.Type == b.Type }), modules, nil
}

// ownStruct is structOf for a type that is not made of what its base is made of.
func (h *Heap) ownStruct(t *typeInfo) *plan {
	if t.base != nil && t.base.basicsize == t.basicsize && t.base.kind == t.kind && t.base.base != nil {
		return nil
	}
	return h.structOf(t)
}

// moduleOfFile gives the name of an extension module from its file's: "_struct.cpython-311-x86_64-linux-gnu.so".
func moduleOfFile(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return name
}
