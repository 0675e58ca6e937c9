package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
	"github.com/spf13/cobra"

	"pyfreeze/pyheap"
)

// findOptions are the flags of inspect find.
type findOptions struct {
	where, sort string
	fields      []string
	limit       int
	subclasses  bool

	program *vm.Program
	names   []string // that where uses
}

// foundObject is one object, as --json prints it.
type foundObject struct {
	Addr   string         `json:"addr"`
	Type   string         `json:"type"`
	Size   uint64         `json:"size"`
	Repr   string         `json:"repr,omitempty"`
	Fields map[string]any `json:"fields,omitempty"` // with --select; of what is no number or text, its repr

	addr pyheap.Addr
	key  any
}

func newInspectFind(f *inspectFlags) *cobra.Command {
	var o findOptions
	c := &cobra.Command{
		Use:   "find TARGET TYPE",
		Short: "List the objects of a type, those that an expression is true of",
		Long: `List the objects of a type (__main__.Order; without a module one of builtins) with their addresses.

--where takes an expression of https://expr-lang.org over the attributes, slots and C fields of
each object, and over _addr, _type, _size, _items (of a container), _value (of a str, number, or
what is made from one): 'number > 2 and len(items) == 0', 'name startsWith "x"'. An attribute that
is not there is nil; objects inside have attributes in turn: 'customer.name == "Bob"'. Nothing is
run in the target. The whole heap is walked.`,
		Example: `  pyfreeze inspect find 4711 __main__.Order --where 'number > 1' --select number,items
  pyfreeze inspect find core.4711 dict --where '_size > 1000000' --sort _size --limit 5`,
		Args: targetArgs(2, 2, "a target and a type"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.compile(); err != nil {
				return &usageError{err}
			}
			return runInspect(cmd, f, args[0], func(s *subject, p *progress) (any, func(io.Writer), error) {
				found, n, err := s.find(args[1], &o, p)
				if err != nil {
					return nil, nil, err
				}
				left := n - len(found)
				return map[string]any{"objects": found, "count": n, "left_out": left}, func(w io.Writer) {
					for i := range found {
						found[i].write(w, o.fields)
					}
					if left > 0 {
						fmt.Fprintf(w, "(%d more: --limit)\n", left)
					}
					fmt.Fprintf(w, "%d in all\n", n)
				}, nil
			})
		},
	}
	c.Flags().StringVar(&o.where, "where", "", "only objects that the `EXPRESSION` is true of")
	c.Flags().StringSliceVar(&o.fields, "select", nil, "show these `FIELDS` of each, which commas separate")
	c.Flags().StringVar(&o.sort, "sort", "", "order by a `FIELD`, the largest first, not by address")
	c.Flags().IntVar(&o.limit, "limit", 50, "print the first `N` only; 0 prints all")
	c.Flags().BoolVar(&o.subclasses, "subclasses", false, "also objects of subclasses")
	return c
}

// compile checks the expression.
func (o *findOptions) compile() (err error) {
	if o.where == "" {
		return nil
	}
	v := &identifiers{}
	if o.program, err = expr.Compile(o.where, expr.AsBool(), expr.AllowUndefinedVariables(), expr.Patch(v)); err != nil {
		return fmt.Errorf("--where: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	o.names = v.names
	return nil
}

// identifiers collects the names that an expression uses.
type identifiers struct{ names []string }

// Visit implements ast.Visitor.
func (v *identifiers) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok && !slices.Contains(v.names, id.Value) {
		v.names = append(v.names, id.Value)
	}
}

// find gives the objects of a type that the options ask for, and how many there are.
func (s *subject) find(typ string, o *findOptions, p *progress) (out []foundObject, n int, err error) {
	w, err := s.walk(p)
	if err != nil {
		return nil, 0, err
	}
	p.step("looking at the objects", 0, 0)
	out = []foundObject{}
	objects := w.OfType(typ)
	if len(objects) == 0 && !w.HasType(typ) {
		return nil, 0, fmt.Errorf("no type %q: pyfreeze inspect types %s lists them", typ, s.target)
	}
	name := typ
	if !strings.Contains(name, ".") {
		name = "builtins." + name
	}
	for _, obj := range objects {
		if !o.subclasses && obj.TypeName != name {
			continue
		}
		if o.program != nil {
			yes, err := expr.Run(o.program, s.values(obj, o.names))
			if err != nil {
				continue // of a type that the expression does not fit
			}
			if b, ok := yes.(bool); !ok || !b {
				continue
			}
		}
		n++
		if o.sort == "" && o.limit > 0 && len(out) >= o.limit {
			continue
		}
		x := foundObject{Addr: hex(obj.Addr), Type: obj.TypeName, Size: obj.Size, addr: obj.Addr}
		if o.sort != "" {
			x.key = s.values(obj, []string{o.sort})[o.sort]
		}
		out = append(out, x)
	}
	if o.sort != "" {
		slices.SortStableFunc(out, func(a, b foundObject) int { return compareValues(b.key, a.key) })
		if o.limit > 0 {
			out = out[:min(len(out), o.limit)]
		}
	}
	for i := range out {
		x := &out[i]
		if len(o.fields) == 0 {
			x.Repr = s.heap.Repr(x.addr, maxShownRepr)
			continue
		}
		obj := pyheap.Object{Addr: x.addr, TypeName: x.Type, Size: x.Size}
		x.Fields = map[string]any{}
		for name, v := range s.values(obj, o.fields) {
			switch v.(type) {
			case nil, bool, int, uint64, float64, string:
				x.Fields[name] = v
			default:
				x.Fields[name] = s.fieldRepr(x.addr, name)
			}
		}
	}
	return out, n, nil
}

func (s *subject) fieldRepr(a pyheap.Addr, name string) string {
	v, err := s.heap.Attr(a, name)
	if err != nil {
		return ""
	}
	return s.heap.Repr(v, maxShownRepr)
}

// compareValues orders numbers, then text, then the rest.
func compareValues(a, b any) int {
	x, xok := number(a)
	y, yok := number(b)
	switch {
	case xok && yok:
		return cmp.Compare(x, y)
	case xok != yok:
		return map[bool]int{true: 1, false: -1}[xok]
	}
	s, sok := a.(string)
	t, tok := b.(string)
	switch {
	case sok && tok:
		return cmp.Compare(s, t)
	case sok != tok:
		return map[bool]int{true: 1, false: -1}[sok]
	}
	return 0
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func (x *foundObject) write(w io.Writer, fields []string) {
	fmt.Fprintf(w, "%s  %s", x.Addr, printable(shortType(x.Type)))
	if len(fields) == 0 {
		fmt.Fprintf(w, "  %s", cut(printable(x.Repr), lineWidth))
	}
	for _, f := range fields {
		text := fmt.Sprint(x.Fields[f])
		if s, ok := x.Fields[f].(string); ok {
			text = s
		}
		fmt.Fprintf(w, "  %s=%s", printable(f), cut(printable(text), lineWidth))
	}
	fmt.Fprintln(w)
}
