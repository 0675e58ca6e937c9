package restore

import (
	"debug/elf"
	"fmt"
	"strings"

	"pyfreeze/procmem"
)

// linkMap is one entry of ld.so's list of loaded objects, in load order.
type linkMap struct {
	Bias procmem.Addr
	Name string // "" for the executable
}

const maxLinkMaps = 1 << 16

// readLinkMaps follows the executable's DT_DEBUG to ld.so's list (link.h:
// struct r_debug, struct link_map).
func readLinkMaps(mem *procmem.Space, exe *module) ([]linkMap, error) {
	var dyn procmem.Range
	for _, p := range exe.File.Progs {
		if p.Type == elf.PT_DYNAMIC {
			dyn = procmem.Range{Start: exe.Bias + procmem.Addr(p.Vaddr), End: exe.Bias + procmem.Addr(p.Vaddr+p.Memsz)}
		}
	}
	var debug procmem.Addr
	for a := dyn.Start; a+16 <= dyn.End; a += 16 {
		tag, err := mem.U64(a)
		if err != nil {
			return nil, err
		}
		if elf.DynTag(tag) == elf.DT_DEBUG {
			if debug, err = mem.Ptr(a + 8); err != nil {
				return nil, err
			}
		}
	}
	if debug == 0 {
		return nil, fmt.Errorf("%s is statically linked or its loader keeps no list of libraries", exe.Path)
	}
	at, err := mem.Ptr(debug + 8)
	if err != nil {
		return nil, fmt.Errorf("the loader's list of libraries: %w", err)
	}
	var out []linkMap
	for n := 0; at != 0; n++ {
		if n == maxLinkMaps {
			return nil, fmt.Errorf("the loader's list of libraries does not end (at %v)", at)
		}
		bias, err := mem.Ptr(at)
		if err != nil {
			return nil, err
		}
		name, err := mem.Ptr(at + 8)
		if err != nil {
			return nil, err
		}
		s, err := mem.CString(name, 4096)
		if err != nil {
			return nil, err
		}
		out = append(out, linkMap{bias, s})
		if at, err = mem.Ptr(at + 24); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// loadOrder returns the libraries that a thaw must dlopen, in the order the
// target loaded them: those that neither the executable nor one before needs, and that are not there from the start.
func loadOrder(links []linkMap, mods []*module) []*module {
	bySoname := map[string]*module{}
	byBias := map[procmem.Addr]*module{}
	var exe *module
	for _, m := range mods {
		if bySoname[m.soname] == nil {
			bySoname[m.soname] = m
		}
		byBias[m.Bias] = m
		if m.main {
			exe = m
		}
	}
	loaded := map[*module]bool{}
	var load func(*module)
	load = func(m *module) {
		if m == nil || loaded[m] {
			return
		}
		loaded[m] = true
		for _, n := range m.File.Needed() {
			load(bySoname[n])
		}
	}
	load(exe)
	for _, m := range mods {
		if m.atStart {
			load(m)
		}
	}
	var out []*module
	for _, l := range links {
		m := byBias[l.Bias]
		if m == nil || loaded[m] || m.main || m.direct || isLoader(m) {
			continue
		}
		load(m)
		out = append(out, m)
	}
	return out
}

func isLoader(m *module) bool { return isLoaderName(m.soname) }

func isLoaderName(soname string) bool { return strings.HasPrefix(soname, "ld-") }
