package main

import (
	"fmt"
	"slices"
	"strings"

	"pyfreeze/pyheap"
)

func isSet(typ string) bool { return typ == "builtins.set" || typ == "builtins.frozenset" }

func indexName(i int) string { return fmt.Sprintf("[%d]", i) }

// plainTypes show all that they have in their repr, items or attributes.
var plainTypes = map[string]bool{"builtins.str": true, "builtins.int": true, "builtins.bytes": true, "builtins.float": true,
	"builtins.bool": true, "builtins.NoneType": true, "builtins.complex": true, "builtins.ellipsis": true,
	"builtins.bytearray": true, "builtins.NotImplementedType": true}

// factAttrs are what is told of objects of builtin types, by the names that Python has for them.
var factAttrs = map[string][]string{
	"builtins.function":     {"__qualname__", "__module__", "__code__", "__defaults__", "__kwdefaults__", "__closure__"},
	"builtins.method":       {"__func__", "__self__"},
	"builtins.code":         {"co_qualname", "co_name", "co_consts", "co_names", "co_localsplusnames", "co_varnames", "co_freevars", "co_cellvars"},
	"builtins.property":     {"fget", "fset", "fdel"},
	"builtins.cell":         {"cell_contents"},
	"builtins.staticmethod": {"__func__", "sm_callable"},
	"builtins.classmethod":  {"__func__", "cm_callable"},
	"functools.partial":     {"fn", "args", "kw"},
}

// facts gives what only objects of that type have.
func (s *subject) facts(a pyheap.Addr, typ string) (out []fact) {
	add := func(name, format string, args ...any) { out = append(out, fact{name, fmt.Sprintf(format, args...)}) }
	if fr, state, ok := s.heap.FrameOf(a); ok {
		if state != "" {
			add("state", "%s", state)
		}
		if fr.Addr != 0 {
			add("at", "%s() in %s:%d", fr.Qualname, fr.File, fr.Line)
			add("code", "%s", hex(fr.Code))
		}
	}
	if to, ok := s.heap.Awaits(a); ok {
		chain, end := s.heap.AwaitChain(a)
		for _, c := range chain[min(1, len(chain)):] {
			if fr, _, ok := s.heap.FrameOf(c); ok {
				add("awaits", "%s %s() in %s:%d", hex(c), fr.Qualname, fr.File, fr.Line)
			}
		}
		if end == 0 && len(chain) < 2 {
			end = to
		}
		if end != 0 {
			add("awaits", "%s %s", hex(end), s.heap.Repr(end, 120))
		}
	}
	frames := s.heap.GreenletFrames(a)
	for i := range slices.Backward(frames) {
		add("frame", "%s() in %s:%d", frames[i].Qualname, frames[i].File, frames[i].Line)
	}
	code := pyheap.Addr(0)
	switch typ {
	case "builtins.function":
		code, _ = s.heap.Member(a, "__code__") // 0 when damaged: no line is shown
	case "builtins.code":
		code = a
	}
	if file, line, ok := s.heap.CodeStart(code); ok {
		add("source", "%s:%d", file, line)
	}
	for _, name := range factAttrs[typ] {
		if v, ok := s.heap.Member(a, name); ok {
			add(name, "%s %s", hex(v), s.heap.Repr(v, 120))
		}
	}
	if base, err := s.heap.Attr(a, "__mro__"); err == nil && s.heap.IsType(a) {
		add("__mro__", "%s", s.heap.Repr(base, 400))
	}
	return out
}

// addLocals adds the locals of a frame object, generator or coroutine.
func (s *subject) addLocals(out *shownObject, a pyheap.Addr, ref func(string, pyheap.Addr) shownRef) {
	fr, _, ok := s.heap.FrameOf(a)
	if frames := s.heap.GreenletFrames(a); len(frames) > 0 {
		fr, ok = frames[0], true
	}
	if !ok {
		return
	}
	for _, l := range fr.Locals {
		out.Locals = append(out.Locals, ref(l.Name, l.Value))
	}
}

// hasInside says whether there is more to an object than its repr.
func (s *subject) hasInside(a pyheap.Addr) bool {
	typ, err := s.heap.TypeName(a)
	return err == nil && !plainTypes[typ] && typ != "builtins.module" && typ != "builtins.function" && !s.heap.IsType(a)
}

// fields gives the C struct of an object that has nothing else to show, but for its head.
func (s *subject) fields(a pyheap.Addr) []shownC {
	typ, err := s.heap.TypeName(a)
	if err != nil || plainTypes[typ] {
		return nil
	}
	lay, r, ok := s.heap.StructOf(a)
	if !ok {
		return nil
	}
	v, err := s.heap.ReadC(lay, r, a, pyheap.CLimits{Depth: 2, Elements: 8})
	if err != nil {
		return nil
	}
	var out []shownC
	for _, p := range v.Parts {
		if p.Name != "ob_base" && !strings.HasPrefix(p.Name, "ob_refcnt") && p.Name != "ob_type" && p.Name != "" {
			out = append(out, shownCOf(&p))
		}
	}
	return out
}

// shownC is a C value, as --json prints it.
type shownC struct {
	Name    string   `json:"name,omitempty"`
	Type    string   `json:"type"`
	Offset  uint64   `json:"offset"`
	Size    uint64   `json:"size"`
	Addr    string   `json:"addr"`
	Bits    int      `json:"bits,omitempty"`
	Shift   int      `json:"shift,omitempty"`
	Value   string   `json:"value,omitempty"`
	About   string   `json:"about,omitempty"`
	Parts   []shownC `json:"parts,omitempty"`
	LeftOut uint64   `json:"left_out,omitempty"`
}

func shownCOf(v *pyheap.CValue) shownC {
	c := shownC{Name: v.Name, Type: v.Type, Offset: v.Offset, Size: v.Size, Addr: hex(v.Addr), Bits: v.Bits, Shift: v.Shift,
		Value: v.Text, About: v.About, LeftOut: v.Omitted}
	for i := range v.Parts {
		c.Parts = append(c.Parts, shownCOf(&v.Parts[i]))
	}
	return c
}

// refs describes references.
func (s *subject) refs(list []pyheap.Ref) []shownRef {
	out := []shownRef{}
	for _, r := range list {
		out = append(out, s.ref(r.How, r.Object))
	}
	return out
}

// localsThatAre gives the locals of frames of threads that are the object at a. Such frames are no objects, and so no
// referrers that a walk knows.
func (s *subject) localsThatAre(a pyheap.Addr) (out []shownRef) {
	threads, err := s.heap.Threads()
	if err != nil {
		return nil
	}
	for _, t := range threads {
		frames, _ := s.heap.Frames(t.Addr) // those before the damage, if there is some
		for _, fr := range frames {
			for _, l := range fr.Locals {
				if l.Value == a {
					out = append(out, shownRef{Name: "local " + l.Name, Addr: hex(fr.Addr), Type: "frame",
						Repr: fmt.Sprintf("%s() in %s:%d, thread %d", fr.Qualname, fr.File, fr.Line, s.tidOf(t))})
				}
			}
		}
	}
	return out
}
