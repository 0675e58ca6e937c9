package symbols

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// LayoutSource is a build of an interpreter whose layouts are to be shipped. See [WriteLayout].
type LayoutSource struct {
	Version Version
	Origin  string             // whose build it is: "Debian", "pyenv"
	Runtime uint64             // bytes of its symbol _PyRuntime, by which its table is known
	Interp  *Layout            // with DWARF
	Modules map[string]*Layout // its extension modules, by the name that Python imports them by; with DWARF
	Objects []ObjectStruct     // what its types are made of
}

// ObjectStruct says which C struct the objects of a type are made of, or the state of a module.
type ObjectStruct struct {
	Type   string // module.qualname of the type; of a module's state "state:" and the module's name
	Module string // extension module whose layout has the struct, "" for the interpreter's
	Struct string // tag or typedef
	Where  string // its declaration, "dequeobject.c:78"
}

// WriteLayout writes the layouts of a build as text that [MergeLayouts] takes: C types, one a line, each with the place in CPython's
// source that declares it.
func WriteLayout(w io.Writer, b LayoutSource) error {
	core := newRenderer(b.Interp)
	core.render(nil)
	renderers := map[string]*renderer{"": core}
	for name, lay := range b.Modules {
		renderers[name] = newRenderer(lay)
		renderers[name].render(core.lines)
	}
	for _, o := range b.Objects {
		r := renderers[o.Module]
		if r == nil {
			continue
		}
		if key, ok := r.keyOf(o.Struct, o.Where); ok {
			r.lines["object "+o.Type] = "object " + o.Type + " " + key
		}
	}
	s := &shipped{builds: []shippedBuild{{b.Version.String(), b.Origin, b.Runtime}}, sections: map[string][]string{}}
	for name, r := range renderers {
		for _, key := range slices.Sorted(maps.Keys(r.lines)) {
			s.sections[name] = append(s.sections[name], r.lines[key])
		}
	}
	_, err := io.WriteString(w, s.text())
	return err
}

// renderer writes the types of one layout as lines.
type renderer struct {
	lay   *Layout
	keys  map[int32]string // of structs, unions, enums and typedefs: their names in the file
	lines map[string]string
}

func newRenderer(lay *Layout) *renderer {
	r := &renderer{lay: lay, keys: map[int32]string{}, lines: map[string]string{}}
	r.name()
	return r
}

var kindLetters = map[Kind]string{KindStruct: "s", KindUnion: "u", KindEnum: "e", kindTypedef: "t"}

// name gives every type a name: its own; = and that of its typedef; @ and the member that it is the type of. Where several have it, the
// file is added; where several still have it, a number.
func (r *renderer) name() {
	types := r.lay.t.types
	names := make([]string, len(types))
	for i := range types {
		names[i] = types[i].name
	}
	for i := range types {
		if t := &types[i]; t.kind == kindTypedef && t.elem >= 0 && names[t.elem] == "" {
			names[t.elem] = "=" + t.name
		}
	}
	r.nameMembers(names)
	group := func(name func(i int32) string) map[string][]int32 {
		m := map[string][]int32{}
		for i := range types {
			if l := kindLetters[types[i].kind]; l != "" {
				if _, done := r.keys[int32(i)]; !done {
					k := l + ":" + name(int32(i))
					m[k] = append(m[k], int32(i))
				}
			}
		}
		return m
	}
	for k, ids := range group(func(i int32) string { return names[i] }) {
		if len(ids) == 1 && !strings.HasSuffix(k, ":") {
			r.keys[ids[0]] = k
		}
	}
	for k, ids := range group(func(i int32) string {
		file, _, _ := strings.Cut(types[i].where, ":")
		return names[i] + "@" + file
	}) {
		slices.SortFunc(ids, func(a, b int32) int {
			return cmp.Or(-cmp.Compare(types[a].weight, types[b].weight), cmp.Compare(lineOf(types[a].where), lineOf(types[b].where)), cmp.Compare(a, b))
		})
		for i, id := range ids {
			r.keys[id] = k
			if i > 0 {
				r.keys[id] += "#" + strconv.Itoa(i+1)
			}
		}
	}
}

// nameMembers names types that have no name of their own by the member that they are the type of: "@_mod.v.Module".
func (r *renderer) nameMembers(names []string) {
	types := r.lay.t.types
	for changed, n := true, 0; changed && n < maxDepth; n++ { // they may be nested
		changed = false
		for i := range types {
			t := &types[i]
			if (t.kind != KindStruct && t.kind != KindUnion) || names[i] == "" {
				continue
			}
			for j, f := range r.lay.t.fields[t.first : t.first+t.n] {
				id := f.typ
				for id >= 0 && (types[id].kind == KindArray || types[id].kind == KindPointer) {
					id = types[id].elem
				}
				if id < 0 || names[id] != "" || kindLetters[types[id].kind] == "" {
					continue
				}
				field := f.name
				if field == "" {
					field = strconv.Itoa(j)
				}
				names[id], changed = "@"+strings.TrimPrefix(names[i], "@")+"."+field, true
			}
		}
	}
}

func lineOf(where string) int {
	_, line, _ := strings.Cut(where, ":")
	n, _ := strconv.Atoi(line) // "": 0
	return n
}

// render writes all types that have a name, and those that they consist of, but for the lines that are known already.
func (r *renderer) render(known map[string]string) {
	types := r.lay.t.types
	for i := range types {
		t := &types[i]
		if t.name != "" && kindLetters[t.kind] != "" && !isGenerated(t.where) {
			r.line(int32(i))
		}
	}
	for k, text := range known {
		// What a module only declares, the interpreter defines.
		if own, ok := r.lines[k]; ok && (samePlaced(own, text) || strings.HasSuffix(own, " 0 -")) {
			delete(r.lines, k)
		}
	}
}

// isGenerated says whether a type stands for one frozen module: 3.11 has thousands.
func isGenerated(where string) bool {
	return strings.HasPrefix(where, "deepfreeze") || strings.HasPrefix(where, "frozen")
}

func (r *renderer) line(id int32) {
	key := r.keys[id]
	if _, done := r.lines[key]; done {
		return
	}
	r.lines[key] = "" // before the members, which may lead back
	t := &r.lay.t.types[id]
	kind, name, _ := strings.Cut(key, ":")
	where := t.where
	if where == "" {
		where = "-"
	}
	words := []string{t.kind.String(), name, strconv.FormatUint(t.size, 10), where}
	if t.kind == kindTypedef {
		words = append(words, r.ref(t.elem))
	}
	for _, f := range r.lay.t.fields[t.first : t.first+t.n] {
		switch {
		case kind == "e":
			words = append(words, fmt.Sprintf("%s=%d", f.name, int64(f.off)))
		case f.bitSize != 0:
			words = append(words, fmt.Sprintf("%s:%d.%d.%d.%d:%s", f.name, f.off, f.size, f.bitOff, f.bitSize, r.ref(f.typ)))
		default:
			words = append(words, fmt.Sprintf("%s:%d:%s", f.name, f.off, r.ref(f.typ)))
		}
	}
	r.lines[key] = strings.Join(words, " ")
}

// ref writes a reference to a type, which gets a line if it needs one.
func (r *renderer) ref(id int32) string {
	if id < 0 {
		return "void"
	}
	t := &r.lay.t.types[id]
	switch t.kind {
	case KindPointer:
		return "*" + r.ref(t.elem)
	case KindArray:
		return fmt.Sprintf("[%d]%s", t.count, r.ref(t.elem))
	case KindFunc:
		return "()" + r.ref(t.elem)
	case KindInt, KindUint, KindBool, KindFloat:
		return t.kind.String() + strconv.FormatUint(t.size, 10)
	case kindTypedef:
		if t.name == "" { // a stand-in
			return r.ref(t.elem)
		}
	case KindStruct, KindUnion, KindEnum:
	default:
		return "?"
	}
	r.line(id)
	return r.keys[id]
}

// keyOf gives the name of the struct with that tag or typedef, declared there.
func (r *renderer) keyOf(name, where string) (string, bool) {
	for _, st := range r.lay.StructsNamed(name) {
		if st.Where == where {
			r.line(st.id)
			return r.keys[st.id], true
		}
	}
	return "", false
}
