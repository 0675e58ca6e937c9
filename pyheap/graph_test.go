package pyheap

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// told is what Python says of an object of testdata/graph.py; nil or 0 where it says nothing.
type told struct {
	ID, Size     uint64
	Type         string
	Tracked      bool
	Refs         []uint64 // objects of the graph that the collector says it refers to
	Repr         *string
	Items        []uint64 // keys and values; 0 for the keys of what has none
	Dict         [][2]any // its attributes, in order
	Slots        map[string]uint64
	State        string // of a generator
	Line         int
	Locals       map[string]uint64
	Cause, Trace uint64
	Raised       int // line
	Cells        []uint64
	Bytes        *string
	Int, Float   string
}

// toldGraph is what Python says of the whole.
type toldGraph struct {
	Counts     map[string]int    // objects of a type
	References map[string]uint64 // to objects, by their addresses
	Paths      [][2]any          // and what they lead to
}

// TestRandomGraphs compares what is read of random objects with what Python says of them.
func TestRandomGraphs(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			for seed := range 2 {
				checkGraph(t, start(t, python, testdata("graph.py"), strconv.Itoa(seed), "700"), seed)
			}
		})
	}
}

func checkGraph(t *testing.T, tg *target, seed int) {
	t.Helper()
	var whole toldGraph
	if err := json.Unmarshal([]byte(tg.lines[0]), &whole); err != nil {
		t.Fatal(err)
	}
	var all []told
	for _, line := range tg.lines[1:] {
		var o told
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, o)
	}
	w := tg.walk(t)
	c := checkEach(tg.heap, w, all)
	c.referrers(all)
	c.whole(t, &whole)
	c.dead(t, all)
	for what, n := range c.wrong {
		t.Errorf("seed %d: %d of %d objects: %s", seed, n, len(all), what)
	}
	for _, e := range c.examples {
		t.Error(e)
	}
	if len(all) < 600 {
		t.Errorf("Python told of %d objects only", len(all))
	}
}

// graphCheck collects what differs, with examples.
type graphCheck struct {
	h        *Heap
	w        *Walk
	in       map[uint64]bool // the objects of the graph
	wrong    map[string]int
	examples []string
}

// checkEach compares each object with what Python told of it.
func checkEach(h *Heap, w *Walk, all []told) *graphCheck {
	c := &graphCheck{h: h, w: w, in: map[uint64]bool{}, wrong: map[string]int{}}
	for i := range all {
		c.in[all[i].ID] = true
	}
	for i := range all {
		c.object(&all[i])
		c.values(&all[i])
		c.attributes(&all[i])
		c.running(&all[i])
	}
	return c
}

func (c *graphCheck) differs(what string, o *told, format string, args ...any) {
	const most = 4
	key := what + " of " + o.Type
	if c.wrong[key]++; c.wrong[key] <= most {
		c.examples = append(c.examples, fmt.Sprintf("%s %#x: ", key, o.ID)+fmt.Sprintf(format, args...))
	}
}

// object checks head, size and place.
func (c *graphCheck) object(o *told) {
	a := Addr(o.ID)
	head, err := c.h.Header(a)
	if err != nil || head.TypeName != o.Type {
		c.differs("type", o, "%+v, %v", head, err)
		return
	}
	zero := strings.HasSuffix(o.Type, "int") && head.Size+4 == o.Size || o.Type == "__main__.Int" // gh-101266
	if head.Size != o.Size && otherSizes[o.Type] == "" && !zero {
		c.differs("size", o, "%d, Python says %d", head.Size, o.Size)
	}
	found, ok := c.w.Find(a)
	if !ok || found.TypeName != o.Type || found.Size != head.Size || !found.Kept() {
		c.differs("walk", o, "%t, %+v", ok, found)
	}
	if in, ok := c.w.Containing(a + 8); !ok || in.Addr != a {
		c.differs("containing", o, "its second word is of %v", in.Addr)
	}
	path := c.w.Path(a)
	if back, err := c.h.Lookup(path); back != a || err != nil {
		c.differs("path", o, "%s leads to %v, %v", path, back, err)
	}
	has := map[uint64]bool{}
	for _, r := range c.h.Edges(a) {
		if c.in[uint64(r.Object)] {
			has[uint64(r.Object)] = true
		}
	}
	for _, r := range o.Refs {
		if !has[r] && edgeLess[o.Type] == "" {
			c.differs("references", o, "none to %#x, %s", r, c.h.Repr(Addr(r), 40))
		}
	}
}

// values checks what it is worth.
func (c *graphCheck) values(o *told) {
	a := Addr(o.ID)
	if o.Repr != nil {
		if got := ascii(c.h.Repr(a, -1)); got != *o.Repr {
			c.differs("repr", o, "%.200s, Python says %.200s", got, *o.Repr)
		}
	}
	if o.Items != nil {
		items, n, err := c.h.Items(a, -1)
		got := []uint64{}
		for _, it := range items {
			got = append(got, uint64(it.Key), uint64(it.Value))
		}
		if err != nil || !slices.Equal(got, o.Items) || n != len(o.Items)/2 {
			c.differs("items", o, "%d of %d, Python says %d (%v)\n%#x\n%#x", len(items), n, len(o.Items)/2, err, got, o.Items)
		}
		if some, n, err := c.h.Items(a, 2); err != nil || n != len(o.Items)/2 || !slices.Equal(some, items[:min(len(items), 2)]) {
			c.differs("first items", o, "%v of %d (%v)", some, n, err)
		}
	}
	if o.Bytes != nil {
		if b, err := c.h.Bytes(a); err != nil || hex.EncodeToString(b) != *o.Bytes {
			c.differs("bytes", o, "%x (%v), Python says %s", b, err, *o.Bytes)
		}
	}
	if o.Int != "" {
		want, _ := new(big.Int).SetString(o.Int, 0)
		got, err := c.h.BigInt(a)
		if err != nil || got.Cmp(want) != 0 {
			c.differs("value", o, "%v (%v), Python says %v", got, err, want)
		}
		if n, err := c.h.Int(a); (err == nil) != want.IsInt64() || err == nil && n != want.Int64() {
			c.differs("value of 64 bits", o, "%d (%v), Python says %v", n, err, want)
		}
	}
	if o.Float != "" {
		if v, err := c.h.Float(a); err != nil || fmt.Sprintf("%016x", math.Float64bits(v)) != o.Float {
			c.differs("value", o, "%v (%v), Python says %s", v, err, o.Float)
		}
	}
}

// attributes checks what is stored in it by name.
func (c *graphCheck) attributes(o *told) {
	a := Addr(o.ID)
	list, err := c.h.Attributes(a, -1)
	if err != nil {
		c.differs("attributes", o, "%v", err)
		return
	}
	var got, want []string
	slots := map[string]uint64{}
	for _, at := range list {
		switch at.From {
		case FromSlot:
			slots[at.Name] = uint64(at.Value)
		default:
			got = append(got, fmt.Sprintf("%s=%#x", at.Name, uint64(at.Value)))
		}
	}
	for _, at := range o.Dict {
		name, id := at[0].(string), uint64(at[1].(float64))
		if name == "" { // a key that is no str
			got = slices.DeleteFunc(got, func(s string) bool { return strings.HasSuffix(s, fmt.Sprintf("=%#x", id)) })
			continue
		}
		want = append(want, fmt.Sprintf("%s=%#x", name, id))
		if v, err := c.h.Attr(a, name); err != nil || uint64(v) != id {
			c.differs("attribute", o, "%s is %v (%v), Python says %#x", name, v, err, id)
		}
	}
	if o.Dict != nil && !slices.Equal(got, want) {
		c.differs("attributes", o, "%v, Python says %v", got, want)
	}
	if o.Slots != nil {
		if !maps.Equal(slots, o.Slots) {
			c.differs("slots", o, "%v, Python says %v", slots, o.Slots)
		}
		for name, id := range o.Slots {
			if v, err := c.h.Attr(a, name); err != nil || uint64(v) != id {
				c.differs("slot", o, "%s is %v (%v), Python says %#x", name, v, err, id)
			}
		}
	}
}

// running checks frames that wait, and what functions and exceptions keep.
func (c *graphCheck) running(o *told) {
	a := Addr(o.ID)
	if o.State != "" {
		f, state, ok := c.h.FrameOf(a)
		if state != o.State || !ok {
			c.differs("state", o, "%s, Python says %s", state, o.State)
		}
		if f.Line != o.Line {
			c.differs("line", o, "%d, Python says %d", f.Line, o.Line)
		}
		got := map[string]uint64{}
		for _, l := range f.Locals {
			got[l.Name] = uint64(l.Value)
		}
		if state != "finished" && !maps.Equal(got, o.Locals) {
			c.differs("locals", o, "%v, Python says %v", got, o.Locals)
		}
	}
	for name, id := range map[string]uint64{"__cause__": o.Cause, "__traceback__": o.Trace} {
		if id == 0 {
			continue
		}
		if v, err := c.h.Attr(a, name); err != nil || uint64(v) != id {
			c.differs("attribute", o, "%s is %v (%v), Python says %#x", name, v, err, id)
		}
	}
	if o.Trace != 0 {
		tb, err := c.h.CField(Addr(o.Trace), "tb_lineno")
		// -1: it is computed when somebody asks (3.12)
		if line := int(int32(tb)); err != nil || line != o.Raised && line != -1 {
			c.differs("line", o, "%d (%v), Python says %d", line, err, o.Raised)
		}
	}
	for i, id := range o.Cells {
		v, err := c.h.Lookup(fmt.Sprintf("%#x.__closure__[%d].cell_contents", o.ID, i))
		if err != nil || uint64(v) != id {
			c.differs("cells", o, "%d holds %v (%v), Python says %#x", i, v, err, id)
		}
	}
}

// referrers checks for some objects that all of the graph that refer to them are found.
func (c *graphCheck) referrers(all []told) {
	by := map[uint64][]uint64{}
	for i := range all {
		for _, to := range all[i].Refs {
			if edgeLess[all[i].Type] == "" {
				by[to] = append(by[to], all[i].ID)
			}
		}
	}
	for i := range all {
		o := &all[i]
		if i%37 != 0 {
			continue
		}
		found := map[uint64]bool{}
		for _, r := range c.w.Referrers(Addr(o.ID)) {
			found[uint64(r.Object)] = true
		}
		for _, from := range by[o.ID] {
			if !found[from] {
				c.differs("referrers", o, "%#x, %s, is none", from, c.h.Repr(Addr(from), 60))
			}
		}
	}
}

// whole checks how many there are of each type, how many references each has, and paths as users
// write them.
func (c *graphCheck) whole(t *testing.T, want *toldGraph) {
	t.Helper()
	counts := map[string]int{}
	for _, n := range c.w.ByType() {
		counts[n.Name] = n.Count
	}
	for name, n := range want.Counts {
		if counts[name] != n {
			t.Errorf("%d objects of %s, Python counts %d", counts[name], name, n)
		}
	}
	compared := 0
	for id, n := range want.References {
		a, err := strconv.ParseUint(id, 10, 64)
		head, err2 := c.h.Header(Addr(a))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if c.h.atLeast(12) && head.Immortal != (n >= 1<<29) {
			t.Errorf("%s at %#x is immortal: %t, with %d references", head.TypeName, a, head.Immortal, n)
		}
		if own := want.Counts[head.TypeName] > 0; own {
			compared++
			if uint64(head.Refs) != n {
				t.Errorf("%s at %#x has %d references, Python says %d", head.TypeName, a, head.Refs, n)
			}
		}
	}
	if compared < 50 {
		t.Errorf("references of %d objects were compared", compared)
	}
	for _, p := range want.Paths {
		path, id := p[0].(string), Addr(p[1].(float64))
		if a, err := c.h.Lookup(path); err != nil || a != id {
			t.Errorf("%s leads to %v (%v), in Python to %v", path, a, err, id)
		}
	}
}

// dead checks that nothing of an object lies in what nobody has asked for.
func (c *graphCheck) dead(t *testing.T, all []told) {
	t.Helper()
	var dead []Dead
	c.h.EachDead(func(d Dead) { dead = append(dead, d) })
	slices.SortFunc(dead, func(a, b Dead) int { return cmp.Compare(a.Start, b.Start) })
	for i := range all {
		a := Addr(all[i].ID)
		n, _ := slices.BinarySearchFunc(dead, a, func(d Dead, a Addr) int { return cmp.Compare(d.End, a+1) })
		if n < len(dead) && dead[n].Start < a+16 {
			t.Errorf("%s at %v lies in dead memory from %v to %v", all[i].Type, a, dead[n].Start, dead[n].End)
		}
	}
	if len(dead) < 100 {
		t.Errorf("%d ranges of dead memory", len(dead))
	}
}

// The text of an OrderedDict has its order, not that of its table.
func TestTextOfOrderedDict(t *testing.T) {
	for _, python := range pythons(t) {
		h := start(t, python, "-I", "-c", `
import collections, sys
d = collections.OrderedDict.fromkeys("abcd", 1)
d.move_to_end("a"); d.move_to_end("d", last=False)
print("READY", flush=True)
sys.stdin.readline()`).heap
		text := h.Repr(mustLookup(t, h, "__main__.d"), -1)
		if !strings.HasSuffix(text, ": {'d': 1, 'b': 1, 'c': 1, 'a': 1}>") {
			t.Errorf("%s: %s", python, text)
		}
	}
}

// Literals are read as Python reads them.
func TestLiterals(t *testing.T) {
	for text, want := range map[string]string{
		`'a'`: "a", `"it's"`: "it's", `'\'\"\\'`: `'"\`, `'\n\t\r\a\b\f\v'`: "\n\t\r\a\b\f\v",
		`'\x41\xe9'`: "Aé", `'\u65e5\U0001f40d'`: "日🐍", `'\0\101\1018'`: "\x00AA8", `'\d\ '`: `\d\ `,
		`'\udcff'`: "\ufffd", `'\x4'`: `\x4`, `'\xzz'`: `\xzz`, `'é'`: "é", `''`: "", `'\8'`: `\8`,
	} {
		if got, rest, ok := literal(text+"]x", false); got != want || rest != "]x" || !ok {
			t.Errorf("%s is read as %q, %q, %t; want %q", text, got, rest, ok, want)
		}
	}
	for text, want := range map[string]string{`'\xff\x00'`: "\xff\x00", `'\u65e5'`: `\u65e5`, `'\377'`: "\xff"} {
		if got, _, ok := literal(text, true); got != want || !ok {
			t.Errorf("b%s is read as %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"'", "'a", `'\'`, `'\`, `"'`} {
		if got, _, ok := literal(text, false); ok {
			t.Errorf("%s is read as %q, though it does not end", text, got)
		}
	}
}
