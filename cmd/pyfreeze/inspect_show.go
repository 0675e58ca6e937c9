package main

import (
	"io"

	"github.com/spf13/cobra"

	"pyfreeze/pyheap"
)

// showOptions are the flags of inspect show.
type showOptions struct {
	limit, depth                     int
	full, path, referrers, referents bool

	room int // objects that may still be shown inside others
}

func newInspectShow(f *inspectFlags) *cobra.Command {
	var o showOptions
	c := &cobra.Command{
		Use:   "show TARGET ADDR|PATH",
		Short: "Show one object",
		Long: `Show one object: its type, address, size, references, repr, attributes and items; of a
function also its code and closure, of a generator or frame its locals, of an object made by C
code the fields of its C struct.

The object is named by its address (0x7f3a5c0012d0), or by a path of steps as in Python, which begins
with a module, a global of __main__, a builtin or an address:

  sys.modules['os'].environ       mercurial.pycompat.sysargv[0]
  node.items[-1]['key']           0x7f3a5c0012d0.name.__class__
  app.cache[b'key'].__dict__

Nothing is run: a property is shown as the property, items are those of dict, list, tuple and deque.
The path from the roots and the referrers need a walk of the whole heap; nothing else does.`,
		Example: `  pyfreeze inspect show 4711 "sys.modules['os'].environ"
  pyfreeze inspect show core.4711 0x7f3a5c0012d0 --referrers
  pyfreeze inspect show app.pyfreeze app.cache --depth 3 --limit 100`,
		Args: targetArgs(2, 2, "a target, and an address or path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd, f, args[0], func(s *subject, p *progress) (any, func(io.Writer), error) {
				a, err := s.heap.Lookup(args[1])
				if err != nil {
					return nil, nil, err
				}
				o, err := s.show(a, o, p)
				if err != nil {
					return nil, nil, err
				}
				return o, func(w io.Writer) { o.write(w, 0) }, nil
			})
		},
	}
	c.Flags().IntVar(&o.limit, "limit", 20, "how many attributes and items to show of each object")
	c.Flags().IntVar(&o.depth, "depth", 1, "show objects inside objects so many `LEVELS` deep")
	c.Flags().BoolVar(&o.full, "full", false, "the whole text of a str or bytes, the whole repr")
	c.Flags().BoolVar(&o.path, "path", false, "how the object is reached from the modules (walks the heap)")
	c.Flags().BoolVar(&o.referrers, "referrers", false, "the objects that refer to it (walks the heap)")
	c.Flags().BoolVar(&o.referents, "referents", false, "the objects that it refers to")
	return c
}

// shownObject is one object, as --json prints it.
type shownObject struct {
	Addr      string          `json:"addr"`
	Type      string          `json:"type"`
	TypeAddr  string          `json:"type_addr"`
	Size      uint64          `json:"size"`
	Refcount  int64           `json:"refcount"`
	Immortal  bool            `json:"immortal,omitempty"`
	Repr      string          `json:"repr"`
	Paths     []string        `json:"path,omitempty"`
	Facts     []fact          `json:"facts,omitempty"`
	Attrs     []shownRef      `json:"attributes,omitempty"`
	Length    *int            `json:"length,omitempty"`
	Items     []shownRef      `json:"items,omitempty"`
	Fields    []shownC        `json:"fields,omitempty"`
	Locals    []shownRef      `json:"locals,omitempty"`
	Exception *shownException `json:"exception,omitempty"` // of an exception: its traceback, notes, causes
	Referrers *[]shownRef     `json:"referrers,omitempty"`
	Referents *[]shownRef     `json:"referents,omitempty"`
	LeftOut   int             `json:"left_out,omitempty"` // attributes and items beyond --limit
}

// fact is something that only objects of some types have.
type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// shownRef is a reference of an object.
type shownRef struct {
	Name    string       `json:"name"`           // "name" of an attribute, "[0]" or "['key']" of an item
	From    string       `json:"from,omitempty"` // of an attribute: dict, inline or slot
	KeyAddr string       `json:"key_addr,omitempty"`
	Addr    string       `json:"addr"`
	Type    string       `json:"type"`
	Repr    string       `json:"repr"`
	Object  *shownObject `json:"object,omitempty"` // with --depth
	Path    string       `json:"path,omitempty"`   // of a referrer: how it is reached from the modules
}

const (
	maxShownRepr = 200
	maxFullRepr  = 1 << 20
	maxAttrs     = 1 << 16
	maxInside    = 1 << 12 // objects inside objects, with --depth: each level may multiply them
	maxPaths     = 1 << 10 // of referrers
)

// show describes one object.
func (s *subject) show(a pyheap.Addr, o showOptions, p *progress) (*shownObject, error) {
	o.room = maxInside
	out, err := s.describe(a, &o, o.depth, map[pyheap.Addr]bool{})
	if err != nil {
		return nil, err
	}
	if s.heap.IsException(a) {
		out.Exception = s.exception(a, true, s.sources(), map[pyheap.Addr]bool{})
	}
	if o.referents {
		refs := s.refs(s.heap.Edges(a))
		out.Referents = &refs
	}
	if !o.path && !o.referrers {
		return out, nil
	}
	w, err := s.walk(p)
	if err != nil {
		return nil, err
	}
	if path := w.Path(a); path != "" {
		out.Paths = []string{path}
	}
	if o.referrers {
		p.step("looking for referrers", 0, 0)
		list := w.Referrers(a)
		refs := s.refs(list)
		for i := range min(len(refs), maxPaths) {
			refs[i].Path = w.Path(list[i].Object)
		}
		refs = append(refs, s.localsThatAre(a)...)
		out.Referrers = &refs
	}
	return out, nil
}

// describe describes an object with what is inside it, depth levels deep; seen are those around it.
func (s *subject) describe(a pyheap.Addr, o *showOptions, depth int, seen map[pyheap.Addr]bool) (*shownObject, error) {
	h, err := s.heap.Header(a)
	if err != nil {
		return nil, err
	}
	seen[a] = true
	defer delete(seen, a)
	limit := maxShownRepr
	if o.full {
		limit = maxFullRepr
	}
	out := &shownObject{Addr: hex(a), Type: h.TypeName, TypeAddr: hex(h.Type), Size: h.Size, Refcount: h.Refs,
		Immortal: h.Immortal, Repr: s.heap.Repr(a, limit)}
	ref := func(name string, to pyheap.Addr) shownRef {
		r := s.ref(name, to)
		if depth > 1 && o.room > 0 && !seen[to] && s.heap.IsObject(to) && s.hasInside(to) {
			o.room--
			r.Object, _ = s.describe(to, o, depth-1, seen) // nil when it cannot be read: then its repr says so
		}
		return r
	}
	out.Facts = s.facts(a, h.TypeName)
	attrs, err := s.heap.Attributes(a, maxAttrs)
	if err != nil {
		return nil, err
	}
	for _, at := range attrs {
		if o.limit > 0 && len(out.Attrs) >= o.limit {
			out.LeftOut += len(attrs) - o.limit
			break
		}
		r := ref(at.Name, at.Value)
		r.From = string(at.From)
		out.Attrs = append(out.Attrs, r)
	}
	if err := s.addItems(out, a, o, ref); err != nil {
		return nil, err
	}
	s.addLocals(out, a, ref)
	if len(out.Facts) == 0 && out.Length == nil && out.Type != "builtins.module" {
		out.Fields = s.fields(a)
	}
	return out, nil
}

// ref describes what a reference leads to.
func (s *subject) ref(name string, to pyheap.Addr) shownRef {
	typ, _ := s.heap.TypeName(to) // "" when it is no object: the repr says so
	return shownRef{Name: name, Addr: hex(to), Type: typ, Repr: s.heap.Repr(to, maxShownRepr)}
}

func (s *subject) addItems(out *shownObject, a pyheap.Addr, o *showOptions, ref func(string, pyheap.Addr) shownRef) error {
	limit := o.limit
	if limit <= 0 {
		limit = -1
	}
	items, total, err := s.heap.Items(a, limit)
	if err != nil || total < 0 {
		return err
	}
	out.Length = &total
	for i, it := range items {
		var r shownRef
		switch {
		case it.Key != 0:
			r = ref("["+s.heap.Repr(it.Key, 60)+"]", it.Value)
			r.KeyAddr = hex(it.Key)
		case isSet(out.Type):
			r = ref("", it.Value)
		default:
			r = ref(indexName(i), it.Value)
		}
		out.Items = append(out.Items, r)
	}
	out.LeftOut += total - len(items)
	return nil
}
