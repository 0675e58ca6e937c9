package pyheap

import (
	"fmt"
	"path/filepath"
	"strings"
)

// HashBasis says what the hash of an object is computed from.
type HashBasis uint8

const (
	HashValue   HashBasis = iota // its value: the same wherever it lies
	HashFixed                    // addresses of code and static data, which move only with their file
	HashUnknown                  // it cannot be known without running code
	HashAddress                  // the address of an object on the heap: its own, or that of a part
	HashNone                     // it has no hash
)

var hashBasisNames = [...]string{"value", "fixed", "unknown", "address", "none"}

func (b HashBasis) String() string { return hashBasisNames[b] }

// join is the basis of what is computed from parts of both.
func (b HashBasis) join(c HashBasis) HashBasis { return max(b, c) }

const maxHashDepth = 200 // of tuples in tuples

// hasher finds out the basis of hashes. It remembers objects that are made of others.
type hasher struct {
	h     *Heap
	table map[string]hashRule
	rules map[*typeInfo]*typeRule
	memo  map[uint64]hashed
	depth int
	why   string // of the last HashUnknown
}

type hashed struct {
	basis HashBasis
	why   string
}

// typeRule is what holds for all objects of a type.
type typeRule struct {
	rule   hashRule
	why    string      // for HashUnknown
	python bool        // a class in Python defines __hash__
	body   *pythonHash // that, once looked at
}

func newHasher(h *Heap) *hasher {
	return &hasher{h: h, table: hashRules(), rules: map[*typeInfo]*typeRule{}, memo: map[uint64]hashed{}}
}

// of gives the basis of an object's hash.
func (x *hasher) of(a uint64) (HashBasis, string) {
	b := x.basis(a)
	if b != HashUnknown {
		return b, ""
	}
	return b, x.why
}

func (x *hasher) unknown(format string, args ...any) HashBasis {
	x.why = fmt.Sprintf(format, args...)
	return HashUnknown
}

func (x *hasher) basis(a uint64) HashBasis {
	t, err := x.h.typeOf(a)
	if err != nil {
		return x.unknown("no object")
	}
	r := x.ruleOf(t)
	if r.rule.fn == nil && r.rule.parts == nil && r.rule.ptrs == nil {
		if r.rule.basis == HashUnknown {
			x.why = r.why
		}
		return r.rule.basis
	}
	if m, ok := x.memo[a]; ok {
		if m.basis == HashUnknown {
			x.why = m.why
		}
		return m.basis
	}
	if x.depth >= maxHashDepth || x.h.exhausted() {
		return x.unknown("nested too deeply")
	}
	x.memo[a] = hashed{HashUnknown, "it refers to itself"}
	x.depth++
	b := r.rule.basis
	if r.rule.fn != nil {
		b = r.rule.fn(x, a, t)
	}
	for _, name := range r.rule.parts {
		b = b.join(x.part(a, t, name))
	}
	for _, name := range r.rule.ptrs {
		if p, ok := x.h.memberAttr(a, t, name); ok {
			b = b.join(x.address(p))
		} else if off, ok := x.h.structOffset(t, name); !ok {
			b = b.join(x.unknown("the C struct of %s is not known", x.h.nameOf(t)))
		} else if p, _ := x.h.view.u64(a + off); p != 0 {
			b = b.join(x.address(p))
		}
	}
	x.depth--
	m := hashed{basis: b}
	if b == HashUnknown {
		m.why = x.why
	}
	x.memo[a] = m
	return b
}

// part gives the basis of the object in a field.
func (x *hasher) part(a uint64, t *typeInfo, name string) HashBasis {
	p, ok := x.h.memberAttr(a, t, name)
	if !ok {
		return x.unknown("field %s of %s cannot be read", name, x.h.nameOf(t))
	}
	return x.basis(p)
}

// address gives the basis of something computed from the address p.
func (x *hasher) address(p uint64) HashBasis {
	if x.h.isStatic(p) {
		return HashFixed
	}
	return HashAddress
}

// isStatic says whether p lies in a file's mapping or its .bss.
func (h *Heap) isStatic(p uint64) bool {
	_, ok := h.moduleOf(p)
	return ok
}

// ruleOf gives the rule of the function in tp_hash.
func (x *hasher) ruleOf(t *typeInfo) *typeRule {
	if r := x.rules[t]; r != nil {
		return r
	}
	r := &typeRule{}
	x.rules[t] = r
	fn, _ := x.h.view.u64(t.addr + x.h.off.typ.hash)
	name := x.h.functionName(fn)
	rule, known := x.table[name]
	switch {
	case fn == 0:
		r.rule = hashRule{basis: HashNone}
	case known:
		r.rule, r.python = rule, name == "slot_tp_hash"
	default:
		r.rule = hashRule{basis: HashUnknown}
		r.why = fmt.Sprintf("the hash of %s is computed by %s", x.h.nameOf(t), name)
	}
	return r
}

// functionName gives the name of the C function at fn, without the compiler's suffixes; where there is no symbol,
// its file and offset.
func (h *Heap) functionName(fn uint64) string {
	m, lay := h.moduleAt(fn)
	if lay != nil {
		if s, off, ok := lay.SymbolAt(Addr(fn) - m.Bias); ok && off == 0 {
			name, _, _ := strings.Cut(s.Name, ".")
			return name
		}
	}
	if m.Path != "" {
		return fmt.Sprintf("%s+%#x", filepath.Base(m.Path), uint64(Addr(fn)-m.Bias))
	}
	return fmt.Sprintf("code at %#x", fn)
}
