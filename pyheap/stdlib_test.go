package pyheap

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tally compares what the target says of one type with what the walk says.
type tally struct {
	objects, found, sizes, sizesFound, edges, edgesFound int
	firstSize, firstEdge                                 string
}

// otherSizes are types whose size the walk does not compute as Python does, and why.
var otherSizes = map[string]string{
	"_pickle.Unpickler":                   "counts its buffer, marks and memo",
	"_pickle.Pickler":                     "counts its memo table and output",
	"xml.etree.ElementTree.Element":       "counts its table of children",
	"itertools.product":                   "counts its indices",
	"itertools.permutations":              "counts its indices and cycles",
	"itertools.combinations":              "counts its indices",
	"numpy.matrix":                        "counts its data, where it owns them",
	"numpy.ma.core.MaskedArray":           "counts its data, where it owns them",
	"_struct.Struct":                      "counts its format codes",
	"_io.BytesIO":                         "counts its buffer, unless that is shared",
	"builtins.StgDict":                    "counts its format and field arrays",
	"decimal.Decimal":                     "counts its coefficient since 3.13",
	"_ctypes.PyCSimpleType":               "counts its StgInfo",
	"_ctypes.PyCStructType":               "counts its StgInfo",
	"_ctypes.PyCPointerType":              "counts its StgInfo",
	"_ctypes.PyCArrayType":                "counts its StgInfo",
	"_ctypes.PyCFuncPtrType":              "counts its StgInfo",
	"_ctypes.UnionType":                   "counts its StgInfo",
	"ctypes._endian._swapped_struct_meta": "counts its StgInfo",
	"ctypes._endian._swapped_union_meta":  "counts its StgInfo",
	"_ctypes.StgDict":                     "counts its format and field arrays",
}

// edgeLess are edges that gc.get_referents reports and that the walk leaves out on purpose, by type of object.
var edgeLess = map[string]string{
	"builtins.PyCapsule": "has a function that visits what only its owner knows (gh-109978)",
}

// TestStandardLibrary: in a process that imported and used the whole standard library, the walk finds every object that
// the collector knows, with its type, its size and every reference.
func TestStandardLibrary(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg := start(t, python, testdata("library.py"))
			compareCensus(t, tg)
		})
	}
}

// TestDebianPackages: the same with Debian's numpy and lxml in use, whose extension modules have no debug information.
func TestDebianPackages(t *testing.T) {
	compareCensus(t, start(t, python311, testdata("library.py"), "more"))
}

// TestHgCensus: the same of mercurial after some commands.
func TestHgCensus(t *testing.T) {
	compareCensus(t, start(t, python311, testdata("hgused.py"), t.TempDir()))
}

// refs collects the addresses that an object refers to, also through the blocks that it owns.
type refs struct {
	h    *Heap
	w    *Walk
	to   map[uint64]bool
	seen map[uint64]bool
}

// inner are objects that Python code never sees: the collector looks through them.
var inner = map[string]bool{"functools._lru_list_elem": true, "builtins.StgDict": true, "_ctypes.StgDict": true, "sqlite3.Node": true}

func (r *refs) edge(k edgeKind, to, _ uint64) {
	if r.to[to] {
		return
	}
	r.to[to] = true
	if i, ok := r.w.nodeAt(to); ok && k == edgeWord && r.w.nodes[i].addr == to && r.w.nodes[i].typ == uint32(blockOpaque) {
		r.h.scan(r, r.h.view.clip(to, r.w.nodes[i].size), 0, nil) // a module's state of unknown type
		return
	}
	if t, err := r.h.typeOf(to); err == nil && inner[r.h.nameOf(t)] {
		r.h.visit(r, to, t)
	}
}

func (r *refs) wantType(*typeInfo) bool { return true }
func (r *refs) block(k blockKind, at, size uint64) {
	if k&planBit != 0 && !r.seen[at] {
		r.seen[at] = true
		r.h.visitPlan(r, at, size, r.h.plans[k&^planBit])
	}
}

func compareCensus(t *testing.T, tg *target) {
	t.Helper()
	w := tg.walk(t)
	h := tg.heap
	defer h.begin(1 << 40)()
	types := map[string]*tally{}
	for _, line := range tg.lines {
		f := strings.Fields(line)
		if len(f) < 3 {
			t.Fatalf("%q", line)
		}
		a, err := strconv.ParseUint(f[0], 16, 64)
		size, err2 := strconv.ParseInt(f[2], 10, 64)
		if err != nil || err2 != nil {
			t.Fatalf("%q: %v %v", line, err, err2)
		}
		ty := types[f[1]]
		if ty == nil {
			ty = &tally{}
			types[f[1]] = ty
		}
		ty.objects++
		o, ok := w.Find(Addr(a))
		if !ok || strings.ReplaceAll(o.TypeName, " ", "_") != f[1] {
			if ty.firstEdge == "" {
				ty.firstEdge = fmt.Sprintf("not found or of type %s: %s", o.TypeName, f[0])
			}
			continue
		}
		ty.found++
		if size >= 0 {
			ty.sizes++
			ti, _ := h.typeOf(a)
			zero := ti.kind == kindInt && o.Size+4 == uint64(size) // 0 takes a digit since gh-101266
			if o.Size == uint64(size) || zero {
				ty.sizesFound++
			} else if ty.firstSize == "" {
				ty.firstSize = fmt.Sprintf("%s has %d bytes, the walk says %d", f[0], size, o.Size)
			}
		}
		r := &refs{h: h, w: w, to: map[uint64]bool{}, seen: map[uint64]bool{}}
		h.visit(r, a, h.types[h.typeAddr(a)])
		for _, ref := range f[3:] {
			to, err := strconv.ParseUint(ref, 16, 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			ty.edges++
			if r.to[to] {
				ty.edgesFound++
			} else if ty.firstEdge == "" {
				n, _ := h.TypeName(Addr(to))
				ty.firstEdge = fmt.Sprintf("%s, %s, refers to %s %s, %s", f[0], h.Repr(Addr(a), 60), ref, n, h.Repr(Addr(to), 60))
			}
		}
	}
	report(t, types)
}

func (h *Heap) typeAddr(a uint64) uint64 {
	p, _ := h.view.u64(a + h.off.obType)
	return p
}

func report(t *testing.T, types map[string]*tally) {
	t.Helper()
	var sum tally
	names := make([]string, 0, len(types))
	for name, x := range types {
		names = append(names, name)
		sum.objects += x.objects
		sum.found += x.found
		sum.sizes += x.sizes
		sum.sizesFound += x.sizesFound
		sum.edges += x.edges
		sum.edgesFound += x.edgesFound
		if x.found != x.objects {
			t.Errorf("%s: %d of %d objects found: %s", name, x.found, x.objects, x.firstEdge)
		}
		if x.sizesFound != x.sizes && otherSizes[name] == "" {
			t.Errorf("%s: %d of %d sizes agree: %s", name, x.sizesFound, x.sizes, x.firstSize)
		}
		if x.edgesFound != x.edges && edgeLess[name] == "" {
			t.Errorf("%s: %d of %d references found: %s", name, x.edgesFound, x.edges, x.firstEdge)
		}
	}
	t.Logf("%d types: %d of %d objects, %d of %d sizes, %d of %d references", len(types), sum.found, sum.objects,
		sum.sizesFound, sum.sizes, sum.edgesFound, sum.edges)
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(types[b].objects, types[a].objects) })
	for _, name := range names[:min(len(names), 15)] {
		x := types[name]
		t.Logf("%8d / %-8d %8d / %-8d %9d / %-9d %s", x.found, x.objects, x.sizesFound, x.sizes, x.edgesFound, x.edges, name)
	}
	if sum.objects < 20000 {
		t.Errorf("the target told of %d objects only", sum.objects)
	}
}
