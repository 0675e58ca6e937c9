package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"pyfreeze/pyheap"
)

func newInspectStruct(f *inspectFlags) *cobra.Command {
	var module string
	var lim pyheap.CLimits
	c := &cobra.Command{
		Use:   "struct TARGET [TYPE] ADDR",
		Short: "Show memory as a C struct",
		Long: `Show memory as a C type, as the debug information of the interpreter or of an extension module
describes it: the offset, size, type, name and value of every field. Pointers are followed by what
they lead to: an object, a symbol, a string.

TYPE is a struct, union, enum or typedef: PyDictObject, "struct _ts", PyThreadState. One of an
extension module or library is written with its file, _sqlite3:pysqlite_Connection, or with --module.
Without TYPE, an object is shown as its own struct, a variable as it was declared.

ADDR is an address, a variable of the interpreter (_PyRuntime), or a Python path (node.items); steps
to fields may follow: _PyRuntime.gilstate, 0x7f3a5c0012d0.ob_base.ob_type->tp_name,
_PyRuntime.interpreters.main->gc.generations[0].`,
		Example: `  pyfreeze inspect struct 4711 PyThreadState 0x7f3a5c0012d0
  pyfreeze inspect struct core.4711 _PyRuntime.interpreters
  pyfreeze inspect struct 4711 "sys.modules['os'].environ"
  pyfreeze inspect struct 4711 _sqlite3:pysqlite_Connection app.db`,
		Args: targetArgs(2, 3, "a target, a type (or none) and an address"),
		RunE: func(cmd *cobra.Command, args []string) error {
			typ, at := "", args[len(args)-1]
			if len(args) == 3 {
				typ = args[1]
			}
			return runInspect(cmd, f, args[0], func(s *subject, _ *progress) (any, func(io.Writer), error) {
				loc, err := s.heap.LocateC(module, typ, at)
				if err != nil {
					return nil, nil, err
				}
				v, err := s.heap.ReadC(loc.Layout, loc.Type, loc.Addr, lim)
				if err != nil {
					return nil, nil, err
				}
				shown := shownCOf(&v)
				return shown, func(w io.Writer) {
					fmt.Fprintf(w, "%s at %s, %d bytes", printable(shown.Type), shown.Addr, shown.Size)
					if about := s.heap.About(loc.Addr); about != "" {
						fmt.Fprintf(w, ": %s", cut(printable(about), 60))
					}
					fmt.Fprintln(w)
					if len(shown.Parts) == 0 {
						shown.write(w, 0)
						return
					}
					for i := range shown.Parts {
						shown.Parts[i].write(w, 0)
					}
					if shown.LeftOut > 0 {
						fmt.Fprintf(w, "(%d more: --elements)\n", shown.LeftOut)
					}
				}, nil
			})
		},
	}
	c.Flags().StringVar(&module, "module", "", "the `FILE` whose debug information has the type: _sqlite3, libcrypto")
	c.Flags().IntVar(&lim.Depth, "depth", 4, "show structs inside structs so many `LEVELS` deep")
	c.Flags().IntVar(&lim.Elements, "elements", 8, "how many elements of an array to show")
	return c
}
