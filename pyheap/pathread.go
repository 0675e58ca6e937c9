package pyheap

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pyfreeze/symbols"
)

// pathReader follows a path step by step.
type pathReader struct {
	h      *Heap
	rest   string // of the path
	step   string // the one under way
	obj    uint64 // where it has led so far; a block that an object owns before an arrow
	plan   *plan  // of the block at obj, where it is one and that is known
	module string // what has been read as the name of a module so far, or ""
}

var (
	leftOutSteps = regexp.MustCompile(`^ \.\.\.\(\d+ steps\)\.\.\. (0x[0-9a-f]+)`)
	namedStep    = regexp.MustCompile(`^ (key|member) (\d+)`)
	slotStep     = regexp.MustCompile(`^, (local '[^']*'|local \d+|value stack \d+|function|globals|builtins|locals|code|frame object|field \+0x[0-9a-f]+)`)
	arrowObject  = regexp.MustCompile(`^ -> (0x[0-9a-f]+)`)
	arrowBytes   = regexp.MustCompile(`^ -> \d+ bytes at 0x([0-9a-f]+), \+0x([0-9a-f]+)`)
	arrowStruct  = regexp.MustCompile(`^ -> <(.*?) at 0x([0-9a-f]+)>\.`)
	pointerStep  = regexp.MustCompile(`^\[(\d+)\]`)
	frameStart   = regexp.MustCompile(`^frame at (0x[0-9a-f]+)(?:, [^,]*\(\) in .*?:\d+)?, `)
	threadStart  = regexp.MustCompile(`^thread state (?:of thread (\d+)|at (0x[0-9a-f]+)), `)
	staticStart  = regexp.MustCompile(`^static data.*? at (0x[0-9a-f]+)`)
	remark       = regexp.MustCompile(`^\([^()]*\) `)
)

// cut takes what a pattern matches off the path.
func (p *pathReader) cut(re *regexp.Regexp) []string {
	m := re.FindStringSubmatch(p.rest)
	if m != nil {
		p.step, p.rest = m[0], p.rest[len(m[0]):]
	}
	return m
}

// start finds what the path begins with.
func (p *pathReader) start() error {
	h := p.h
	p.cut(remark) // "(only the garbage collector knows it) 0x7f..."
	if m := p.cut(frameStart); m != nil {
		return p.slot(address(m[1]))
	}
	if m := p.cut(threadStart); m != nil {
		return p.threadField(m)
	}
	if m := p.cut(staticStart); m != nil {
		return p.follow(address(m[1]))
	}
	if rest, ok := strings.CutPrefix(p.rest, "_PyRuntime."); ok {
		p.rest = rest
		return p.field("_PyRuntimeState", h.runtime)
	}
	if rest, ok := strings.CutPrefix(p.rest, "interp->"); ok {
		p.rest = rest
		return p.rawField("PyInterpreterState", h.main)
	}
	if rest, ok := strings.CutPrefix(p.rest, mainThreads); ok {
		p.rest = rest
		threads, err := h.Threads()
		for _, t := range threads {
			if t.IsMain {
				return p.rawField("PyThreadState", uint64(t.Addr))
			}
		}
		return errors.Join(errNoSuchItem, err)
	}
	if strings.HasPrefix(p.rest, "frame ") {
		for i := 0; i < len(p.rest); i++ { // a file may have a comma in its name
			if strings.HasPrefix(p.rest[i:], ", ") {
				if f, ok := h.frameNamed(p.rest[:i]); ok {
					p.step, p.rest = p.rest[:i], p.rest[i+2:]
					return p.slot(f)
				}
			}
		}
	}
	name, rest := ident(p.rest)
	p.step = name
	if name == "" {
		p.step = p.rest
		return errSyntax
	}
	obj, module, err := h.firstStep(name)
	p.obj, p.rest, p.module = uint64(obj), rest, module
	return err
}

func address(s string) uint64 {
	a, _ := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64) // 0 is no object
	return a
}

// follow goes where the word at an address leads.
func (p *pathReader) follow(at uint64) error {
	v, ok := p.h.view.u64(at)
	if !ok {
		return &ObjectError{Addr: Addr(at), Want: "a pointer", Err: errNotMapped}
	}
	p.obj, p.module = v, ""
	return nil
}

// threadField follows a field of a thread state.
func (p *pathReader) threadField(m []string) error {
	threads, err := p.h.Threads()
	for _, t := range threads {
		if m[1] != "" && m[1] == strconv.FormatUint(t.NativeID, 10) || m[2] != "" && address(m[2]) == uint64(t.Addr) {
			return p.field("PyThreadState", uint64(t.Addr))
		}
	}
	return errors.Join(errNoSuchItem, err)
}

// field follows the word of a struct whose name the path goes on with; names may have dots in them.
func (p *pathReader) field(typ string, at uint64) error {
	st, err := p.h.lay.Struct(typ)
	if err != nil {
		return err
	}
	_, err = p.named(at, min(st.Size, maxBasicSize), func(off uint64) string { return p.h.structField(typ, off) })
	return err
}

// rawField is field, but by the names that C has for the members.
func (p *pathReader) rawField(typ string, at uint64) error {
	st, err := p.h.lay.Struct(typ)
	if err != nil {
		return err
	}
	names := map[uint64]string{}
	for i := range st.Fields {
		names[st.Fields[i].Offset] = st.Fields[i].Name
	}
	_, err = p.named(at, min(st.Size, maxBasicSize), func(off uint64) string { return names[off] })
	return err
}

// named follows the word of the size bytes at an address whose name the path goes on with: the
// longest that fits.
func (p *pathReader) named(at, size uint64, name func(off uint64) string) (off uint64, err error) {
	best, found := uint64(0), ""
	for off := uint64(0); off+8 <= size; off += 8 {
		n := name(off)
		if len(n) <= len(found) || !strings.HasPrefix(p.rest, n) {
			continue
		}
		if r := p.rest[len(n):]; r == "" || strings.ContainsRune(".[, ", rune(r[0])) {
			best, found = off, n
		}
	}
	if found == "" {
		return 0, errNoSuchAttr
	}
	p.step, p.rest = p.rest[:len(found)], p.rest[len(found):]
	return best, p.follow(at + best)
}

// next takes one step.
func (p *pathReader) next() error {
	h := p.h
	if m := p.cut(leftOutSteps); m != nil {
		p.obj, p.module = address(m[1]), ""
		return nil
	}
	if m := p.cut(arrowObject); m != nil {
		p.obj, p.module = address(m[1]), ""
		return nil
	}
	if m := p.cut(arrowBytes); m != nil {
		return p.follow(address(m[1]) + address(m[2]))
	}
	if m := p.cut(arrowStruct); m != nil {
		return p.structWord(m[1], address(m[2]))
	}
	if m := p.cut(namedStep); m != nil {
		n, err := strconv.ParseUint(m[2], 10, 64)
		if err != nil {
			return err
		}
		return p.nth(m[1], n)
	}
	if strings.HasPrefix(p.rest, ", ") {
		frame, ok := h.frameIn(p.obj)
		if !ok {
			p.step = p.rest
			return errSyntax
		}
		p.rest = p.rest[2:]
		return p.slot(frame)
	}
	switch p.rest[0] {
	case '.':
		return p.attribute()
	case '[':
		return p.item()
	}
	p.step = p.rest
	return errSyntax
}

// attribute takes a step ".name".
func (p *pathReader) attribute() error {
	before := p.rest
	name, rest := ident(p.rest[1:])
	p.step = "." + name
	if name == "" {
		p.step = p.rest
		return errSyntax
	}
	if d := p.h.Dict(Addr(p.obj)); name == "__dict__" && d != 0 {
		p.obj, p.rest, p.module = uint64(d), rest, ""
		return nil
	}
	v, err := p.h.Attr(Addr(p.obj), name)
	if p.module != "" {
		p.module += "." + name
		if sub, ok := p.h.module(p.module); ok && err != nil {
			v, err = sub, nil // a submodule that is no attribute of its package
		}
	}
	if err == nil {
		p.obj, p.rest = uint64(v), rest
		return nil
	}
	t, terr := p.h.typeOf(p.obj)
	if terr != nil {
		return terr
	}
	if key, rest, kerr := parseKey(strings.TrimPrefix(rest, "[")); name == "__dict__" && kerr == nil {
		if s, ok := key.(string); ok { // it is kept inline: there is no dict yet
			if v, ok := p.h.instanceAttr(p.obj, t, s); ok {
				p.obj, p.rest, p.module = v, rest, ""
				return nil
			}
		}
	}
	p.rest = before[1:] // a word of the C struct
	if p.namedWord(p.h.shapeOf(t).words, p.obj, min(p.h.ownSize(p.obj, t), maxBasicSize), func(off uint64) string {
		if off < p.h.off.objectSize {
			return "" // the head is no word that a path leads through
		}
		return p.h.fieldName(p.obj, t, off)
	}) == nil {
		return nil
	}
	p.step = "." + name
	return err
}

// item takes a step "[key]": a literal, or the repr of a key as a path has it.
func (p *pathReader) item() error {
	before, obj := p.rest, p.obj
	p.module = ""
	key, after, err := parseKey(before[1:])
	if err == nil {
		p.step = before[:len(before)-len(after)]
		var v Addr
		if v, err = p.h.item(Addr(obj), key); err == nil {
			p.obj, p.rest = uint64(v), after
			return nil
		}
	} else {
		p.step = before
	}
	if v, rest, ok := p.h.itemByRepr(obj, before[1:]); ok {
		p.obj, p.rest = v, rest
		return nil
	}
	return err
}

const maxBrackets = 64 // in the repr of one key

var keyAddress = regexp.MustCompile(`(0x[0-9a-f]+)>?$`)

// itemByRepr finds the value of the key whose repr, followed by a bracket, s begins with.
func (h *Heap) itemByRepr(obj uint64, s string) (value uint64, rest string, ok bool) {
	t, err := h.typeOf(obj)
	if err != nil {
		return 0, "", false
	}
	if d, proxied := h.proxied(obj, t); proxied {
		obj = d
	} else if t.kind != kindDict {
		return 0, "", false
	}
	end := 0
	for range maxBrackets {
		i := strings.IndexByte(s[end:], ']')
		if i < 0 {
			return 0, "", false
		}
		end += i
		text := s[:end]
		end++
		at := uint64(0)
		if m := keyAddress.FindStringSubmatch(text); m != nil {
			at = address(m[1])
		}
		h.dictEach(obj, func(k, v uint64) bool {
			if k == at || at == 0 && h.Repr(Addr(k), MaxKeyShown) == text {
				value, ok = v, true
			}
			return !ok
		})
		if ok {
			return value, s[end:], true
		}
	}
	return 0, "", false
}

// nth finds the key of a dict, or the member of a set, at that place of its table.
func (p *pathReader) nth(what string, n uint64) error {
	t, err := p.h.typeOf(p.obj)
	if err != nil {
		return err
	}
	kind := edgeKey
	if what == "member" {
		kind = edgeMember
	}
	f := edgeFinder{kind: kind, arg: n}
	p.h.visit(&f, p.obj, t)
	if f.to == 0 {
		return errNoSuchItem
	}
	p.obj, p.module = f.to, ""
	return nil
}

// edgeFinder finds where an edge of a kind leads.
type edgeFinder struct {
	kind edgeKind
	arg  uint64
	to   uint64
}

func (f *edgeFinder) edge(k edgeKind, to, arg uint64) {
	if k == f.kind && arg == f.arg && f.to == 0 {
		f.to = to
	}
}
func (f *edgeFinder) block(blockKind, uint64, uint64) {}
func (f *edgeFinder) wantType(*typeInfo) bool         { return false }

// frameIn gives the frame inside a generator, coroutine or frame object.
func (h *Heap) frameIn(a uint64) (uint64, bool) {
	t, err := h.typeOf(a)
	if err != nil {
		return 0, false
	}
	switch {
	case t.kind == kindGen:
		f, state := h.generator(a)
		return f, state != "finished"
	case t.kind == kindFrame && h.off.frame.interpreterFrames():
		f, ok := h.view.u64(a + h.off.frame.objFrame)
		return f, ok && f != 0
	}
	return a, t.kind == kindFrame
}

// slot follows a slot of a frame, whose name the path goes on with.
func (p *pathReader) slot(frame uint64) error {
	p.rest = ", " + p.rest
	m := p.cut(slotStep)
	if m == nil {
		p.step = p.rest
		return errSyntax
	}
	f := slotFinder{h: p.h, frame: frame, want: m[1]}
	p.h.visitFrame(&f, frame)
	if f.to == 0 {
		return errNoSuchItem
	}
	p.obj, p.module = f.to, ""
	return nil
}

// slotFinder finds what a slot of a frame holds, by the name that a path has for it.
type slotFinder struct {
	h     *Heap
	frame uint64
	want  string
	to    uint64
}

func (f *slotFinder) edge(k edgeKind, to, arg uint64) {
	if f.to == 0 && (k == edgeFrame || k == edgeLocal || k == edgeStack) && f.h.slotLabel(f.frame, k, arg) == f.want {
		f.to = to
	}
}
func (f *slotFinder) block(blockKind, uint64, uint64) {}
func (f *slotFinder) wantType(*typeInfo) bool         { return false }

// structWord follows a word of a block of C structs. What owns it, and is known of by the path so
// far, says which.
func (p *pathReader) structWord(name string, at uint64) error {
	h := p.h
	if m := p.cut(pointerStep); m != nil {
		n, err := strconv.ParseUint(m[1], 10, 32)
		if err != nil {
			return err
		}
		return p.follow(at + n*8)
	}
	pl := p.plan
	if pl == nil || p.obj != at {
		pl = h.planNamed(name)
	}
	if pl == nil {
		return fmt.Errorf("the C struct %s is not known", name)
	}
	size := pl.size
	if _, n, ok := h.ownBlock(at); ok {
		size = max(size, n)
	}
	compiled := h.compiled(pl)
	return p.namedWord(compiled.words, at, min(size, maxBasicSize), func(off uint64) string { return h.planField(compiled, off) })
}

// namedWord is named for an object or a block with these words: what the word that it finds leads
// to is known, too.
func (p *pathReader) namedWord(words []planWord, at, size uint64, name func(off uint64) string) error {
	off, err := p.named(at, size, name)
	p.plan = nil
	for i := range words {
		if w := &words[i]; err == nil && w.off == off && w.kind == wordStruct {
			p.plan = w.to
		}
	}
	return err
}

// planNamed finds the C struct of that name in any file of the target.
func (h *Heap) planNamed(name string) *plan {
	find := func(lay *symbols.Layout) *plan {
		if lay == nil {
			return nil
		}
		for _, st := range lay.StructsNamed(name) {
			return h.planOfStruct(lay, st)
		}
		return nil
	}
	if p := find(h.lay); p != nil {
		return p
	}
	for _, path := range slices.Sorted(maps.Keys(h.modulesByPath())) {
		if p := find(h.layoutOfModule(h.modules[path])); p != nil {
			return p
		}
	}
	return nil
}
