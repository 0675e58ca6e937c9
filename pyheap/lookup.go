package pyheap

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

var errSyntax = errors.New(`cannot be parsed: write a module name or an address, then .attribute, ["key"] or [0] steps`)

// Lookup finds an object by a path of attribute, item and index steps that begins with the name of a
// module, a global of __main__, a builtin, or the address of an object: "sys.modules['os'].environ",
// "mercurial.pycompat.sysargv[0]", "0x7f3a5c0012d0.name". Keys are str, bytes (b'x') or int. Every
// path that [Walk.Path] gives is one, too. It fails with a *LookupError that names the step.
func (h *Heap) Lookup(path string) (_ Addr, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	p := &pathReader{h: h, rest: path}
	if err := p.start(); err != nil {
		return 0, &LookupError{Path: path, Step: p.step, At: 0, Err: err}
	}
	for p.rest != "" {
		at := p.obj
		if err := p.next(); err != nil {
			return 0, &LookupError{Path: path, Step: p.step, At: Addr(at), Err: err}
		}
	}
	if !h.isObject(p.obj) {
		return 0, &LookupError{Path: path, Step: p.step, At: Addr(p.obj), Err: &ObjectError{Addr: Addr(p.obj), Want: "a live object"}}
	}
	return Addr(p.obj), nil
}

// firstStep finds what a path begins with. module is what has been read as a module name so far; "" when it
// is none.
func (h *Heap) firstStep(name string) (obj Addr, module string, err error) {
	if digits, ok := strings.CutPrefix(name, "0x"); ok {
		a, err := strconv.ParseUint(digits, 16, 64)
		if err != nil {
			return 0, "", errSyntax
		}
		if !h.isObject(a) {
			return 0, "", &ObjectError{Addr: Addr(a), Want: "a live object"}
		}
		return Addr(a), "", nil
	}
	if m, ok := h.module(name); ok {
		return m, name, nil
	}
	for _, in := range []string{"__main__", "builtins"} {
		if m, ok := h.module(in); ok {
			if v, ok := h.dictGet(uint64(h.Dict(m)), name); ok {
				return Addr(v), "", nil
			}
		}
	}
	return 0, "", errors.New("no module of that name in sys.modules, and no global of __main__ or builtin")
}

// ident cuts an identifier off the front of s.
func ident(s string) (name, rest string) {
	i := strings.IndexAny(s, ".,[]'\" \t\n")
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// parseKey reads what follows "[" up to "]": a string, b-string or int literal.
func parseKey(s string) (key any, rest string, err error) {
	bytesKey := strings.HasPrefix(s, "b'") || strings.HasPrefix(s, `b"`)
	if bytesKey {
		s = s[1:]
	}
	if s == "" {
		return nil, "", errSyntax
	}
	if q := s[0]; q == '\'' || q == '"' {
		text, rest, ended := literal(s, bytesKey)
		rest, ok := strings.CutPrefix(rest, "]")
		if !ended || !ok {
			return nil, "", errSyntax
		}
		if bytesKey {
			return []byte(text), rest, nil
		}
		return text, rest, nil
	}
	num, rest, ok := strings.Cut(s, "]")
	if num = strings.TrimSpace(num); !ok || len(num) > maxKeyDigits {
		return nil, "", errSyntax
	}
	n, ok := new(big.Int).SetString(num, 0)
	switch {
	case !ok:
		return nil, "", errSyntax
	case n.IsInt64():
		return n.Int64(), rest, nil
	}
	return n, rest, nil
}

const maxKeyDigits = 1 << 14

// item finds obj[key] for a dict, list, tuple or deque, or a subclass of one, and for a mappingproxy.
func (h *Heap) item(obj Addr, key any) (Addr, error) {
	t, err := h.typeOf(uint64(obj))
	if err != nil {
		return 0, err
	}
	if d, ok := h.proxied(uint64(obj), t); ok {
		return h.item(Addr(d), key)
	}
	if t.kind == kindDict {
		found := uint64(0)
		h.dictEach(uint64(obj), func(k, v uint64) bool {
			if h.keyEqual(k, key) {
				found = v
			}
			return found == 0
		})
		if found == 0 {
			return 0, errNoSuchItem
		}
		return Addr(found), nil
	}
	if t.kind == kindSet {
		return 0, fmt.Errorf("a %s has no order", h.nameOf(t))
	}
	items, n, err := h.Items(obj, -1)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, fmt.Errorf("a %s has no items that can be read without running code", h.nameOf(t))
	}
	i, ok := key.(int64)
	if i < 0 {
		i += int64(len(items))
	}
	if !ok || i < 0 || i >= int64(len(items)) {
		return 0, errNoSuchItem
	}
	return items[i].Value, nil
}

func (h *Heap) keyEqual(k uint64, key any) bool {
	switch key := key.(type) {
	case string:
		return h.strEqual(k, key)
	case []byte:
		b, err := h.Bytes(Addr(k))
		return err == nil && string(b) == string(key)
	case int64:
		n, err := h.Int(Addr(k))
		return err == nil && n == key
	case *big.Int:
		n, err := h.BigInt(Addr(k))
		return err == nil && n.Cmp(key) == 0
	}
	return false
}
