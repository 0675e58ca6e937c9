package pyheap

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/symbols"
)

// compileFixture gives a heap that knows nothing but how to compile plans, and the layout of plan.c.
func compileFixture(t *testing.T) (*Heap, *symbols.Layout) {
	t.Helper()
	// A header set is part of every interpreter that was installed to build extensions with.
	include, err := exec.Command("python3", "-c", "import sysconfig; print(sysconfig.get_path('include'))").Output()
	if err != nil {
		t.Skipf("no python3 to ask for its headers: %v", err)
	}
	dir := strings.TrimSpace(string(include))
	if m, _ := filepath.Glob(filepath.Join(dir, "Python.h")); len(m) == 0 {
		t.Skipf("no headers in %s", dir)
	}
	so := filepath.Join(t.TempDir(), "plan.so")
	out, err := exec.Command("gcc", "-g", "-shared", "-fPIC", "-I", dir, "-o", so, testdata("plan.c")).CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f, err := symbols.Open(so)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	lay, err := symbols.LoadLayout(f)
	if err != nil {
		t.Fatal(err)
	}
	return &Heap{planBy: make(map[*symbols.Struct]*plan), pointerPlans: make(map[planWord]*plan),
		libraryPlans: make(map[*libraryState]*plan)}, lay
}

func planNamed(t *testing.T, h *Heap, lay *symbols.Layout, name string) *plan {
	t.Helper()
	st, err := lay.Struct(name)
	if err != nil {
		t.Fatal(err)
	}
	return h.compiled(h.planOfStruct(lay, st))
}

// TestPlan checks each word of a struct that has all kinds of members.
func TestPlan(t *testing.T) {
	h, lay := compileFixture(t)
	p := planNamed(t, h, lay, "fixture")
	want := map[uint64]wordKind{
		8: wordObject, 16: wordObject, 24: wordObject, 32: wordStruct, 40: wordText,
		48: wordData, 56: wordData, 64: wordData, 72: wordData, 80: wordObject, 88: wordData,
		96: wordObject, 104: wordObject,
		112: wordStruct, 120: wordObject, 128: wordStruct, 136: wordStruct, 144: wordObject, 152: wordStruct,
		160: wordObject, 168: wordUnknown, 176: wordUnknown, 184: wordUnknown, 192: wordStruct, 200: wordStruct,
		208: wordCode, 216: wordUnknown, 224: wordText, 232: wordForeign, 240: wordData,
	}
	for off := uint64(8); off < p.size; off += 8 {
		kind, ok := want[off]
		if got := p.wordAt(off).kind; !ok || got != kind {
			t.Errorf("the word at %d is of kind %d, want %d (listed: %v)", off, got, kind, ok)
		}
	}
	if p.size != 248 {
		t.Errorf("%d bytes, want 248: the test does not fit plan.c", p.size)
	}

	node := p.wordAt(32).to
	if node != p.wordAt(112).to {
		t.Error("struct node has two plans")
	}
	h.compiled(node)
	if next := node.wordAt(0); next.kind != wordStruct || next.to != node {
		t.Errorf("node.next is %+v, want a pointer to its own struct", next)
	}
	leaf := h.compiled(node.wordAt(16).to)
	if len(leaf.words) != 0 || leaf.size != 16 {
		t.Errorf("struct leaf has %d pointers in %d bytes, want none in 16", len(leaf.words), leaf.size)
	}
	if v := p.wordAt(192).to; v.size != 8 || v.wordAt(8*77).kind != wordObject {
		t.Errorf("PyObject ** leads to %+v, want pointers to objects", v)
	}
	if v := p.wordAt(200).to; v.wordAt(8).kind != wordStruct || v.wordAt(8).to != node {
		t.Errorf("struct node ** leads to %+v, want pointers to nodes", v)
	}
	// An array of structs where one pointer leads to several: the words repeat.
	if node.wordAt(node.size*5+8).kind != wordObject {
		t.Error("the sixth node of a block has no key")
	}
}

// TestPlanFlexible: what follows a struct that ends in an array belongs to it.
func TestPlanFlexible(t *testing.T) {
	h, lay := compileFixture(t)
	p := planNamed(t, h, lay, "sequence")
	if p.tail == nil || p.first != 24 {
		t.Fatalf("the array at the end is %+v from %d, want one from 24", p.tail, p.first)
	}
	if k := p.wordAt(24 + 8*100).kind; k != wordObject {
		t.Errorf("item 100 is of kind %d, want an object", k)
	}
	if k := p.wordAt(16).kind; k != wordData {
		t.Errorf("ob_size is of kind %d, want data", k)
	}
}

// TestPlanForgets: of a struct that nothing was visited with, no word counts as data.
func TestPlanForgets(t *testing.T) {
	h, lay := compileFixture(t)
	st, err := lay.Struct("fixture")
	if err != nil {
		t.Fatal(err)
	}
	if k := h.planOfStruct(lay, st).wordAt(240).kind; k != wordUnknown {
		t.Errorf("a word of a plan not compiled is of kind %d, want unknown", k)
	}
}
