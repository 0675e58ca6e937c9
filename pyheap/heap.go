package pyheap

import (
	"context"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// Heap reads the objects of one captured process. It borrows the Space, the Interpreter and the
// Layout: they must stay open while it is used. Close it when done. It is not safe for concurrent use.
type Heap struct {
	sp   *procmem.Space
	in   *symbols.Interpreter
	lay  *symbols.Layout
	off  *offsets
	view *view

	runtime uint64               // &_PyRuntime
	size    uint64               // bytes of known memory
	main    uint64               // the main interpreter
	known   map[uint64]kind      // static types whose objects need a visitor of their own
	types   map[uint64]*typeInfo // verified types; nil entries do not occur
	list    []*typeInfo          // by index; the first ones are the pseudo types of blocks
	lastKey uint64               // one-entry cache in front of types
	last    *typeInfo

	nesting int // of makeType

	alloc   *pools
	work    uint64                     // words read so far, to bound what a damaged heap can cost
	limit   uint64                     // of work, for the call under way
	calls   int                        // calls under way, one inside the other
	naming  uint64                     // work done so far for the names of types
	modules map[string]symbols.Module  // by path, once asked for
	arrays  *arrayOffsets              // once asked for
	deques  *dequeOffsets              // once asked for
	ctypes  *ctypesOffsets             // once asked for
	layouts map[string]*symbols.Layout // of extension modules, by path; nil without debug information
	ctx     context.Context            // of downloads of debug information

	modulesSorted []symbols.Module // by address

	frames map[string]uint64 // of threads, by their labels; nil until asked for

	numpy string // its version, once asked for

	statePlans map[stateKey]statePlan // of module states

	plans        []*plan
	planBy       map[*symbols.Struct]*plan
	pointerPlans map[planWord]*plan
	libraryPlans map[*libraryState]*plan
}

// Open prepares to read the heap in sp. The layout must be of the file that holds the interpreter
// (in.Module); one that pyfreeze ships is checked against the memory ([Heap.Check]). It fails with a *LayoutError when the debug information lacks something, and with an
// *ObjectError when the memory is not that of an initialised interpreter.
func Open(sp *procmem.Space, in *symbols.Interpreter, lay *symbols.Layout) (_ *Heap, err error) {
	defer guard(&err)
	off, err := loadOffsets(lay)
	if err != nil {
		return nil, err
	}
	h := &Heap{ctx: context.Background(), sp: sp, in: in, lay: lay, off: off, view: newView(sp),
		known: make(map[uint64]kind), types: make(map[uint64]*typeInfo),
		layouts: make(map[string]*symbols.Layout), statePlans: make(map[stateKey]statePlan), planBy: make(map[*symbols.Struct]*plan),
		pointerPlans: make(map[planWord]*plan), libraryPlans: make(map[*libraryState]*plan)}
	h.size = h.view.total()
	rt, ok := h.symbol("_PyRuntime")
	if !ok {
		return nil, &LayoutError{Missing: []string{"the symbol _PyRuntime"}}
	}
	h.runtime = rt
	for name, k := range knownTypes {
		if a, ok := h.symbol(name); ok {
			h.known[a] = k
		}
	}
	for i := range blockTypeNames {
		h.list = append(h.list, &typeInfo{index: uint32(i), name: blockTypeNames[i], named: true})
	}
	if err := h.bootTypes(); err != nil {
		return nil, err
	}
	interps, err := h.Interpreters()
	if err != nil {
		return nil, err
	}
	if len(interps) == 0 {
		return nil, &ObjectError{Addr: Addr(rt), Want: "the state of an initialised interpreter"}
	}
	h.main = uint64(interps[len(interps)-1]) // newest first
	h.ownData()
	h.alloc = newPools(h)
	if lay.Shipped() {
		if err := h.Check(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// UseContext has downloads of extension modules' debug information end when ctx does, and be told to the
// function of [symbols.WithProgress].
func (h *Heap) UseContext(ctx context.Context) { h.ctx = ctx }

// Close closes the files of extension modules that were opened to read their layouts. The Space, the
// Interpreter and the Layout stay open.
func (h *Heap) Close() error {
	for _, m := range h.modules {
		_ = m.File.Close() // only read
	}
	h.modules = nil
	return nil
}

// symbol gives the run-time address of a symbol of the interpreter.
func (h *Heap) symbol(name string) (uint64, bool) {
	s, err := h.lay.Symbol(name)
	if err != nil {
		// Locals of an LTO build carry a suffix.
		all := h.lay.Symbols(name)
		if len(all) != 1 {
			return 0, false
		}
		s = all[0]
	}
	return uint64(s.Addr) + uint64(h.in.Bias), true
}

// atLeast says whether the interpreter is of version 3.minor or later.
func (h *Heap) atLeast(minor int) bool { return h.in.Version.Minor >= minor }

// Interpreter gives what the heap was opened with.
func (h *Heap) Interpreter() *symbols.Interpreter { return h.in }

// LayoutSource says where the C structs of the interpreter are known from.
func (h *Heap) LayoutSource() string { return h.lay.Source }

// Space gives the memory that the heap reads.
func (h *Heap) Space() *procmem.Space { return h.sp }
