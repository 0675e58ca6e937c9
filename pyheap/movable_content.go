package pyheap

import "strings"

// content says whether what is in an object depends on addresses.
func (c *classifier) content(a uint64, t *typeInfo) (Fate, string) {
	h := c.w.h
	switch t.kind {
	case kindDict:
		return c.dict(a)
	case kindSet:
		items, err := h.SetItems(Addr(a), -1)
		if err != nil {
			return FateUnknown, "a set that cannot be read"
		}
		fate, why := c.keys(items, "a set")
		if fate == FateRebuild {
			c.m.ReorderedSets++
		}
		return fate, why
	case kindTuple: // 3.14 (gh-131525)
		if h.off.seq.tupleHash == absent {
			break
		}
		hash, _ := h.view.u64(a + h.off.seq.tupleHash)
		if b, _ := c.hash.of(a); hash != ^uint64(0) && b == HashAddress {
			return FateRebuild, "a tuple that has kept its hash"
		}
	case kindWeakref:
		hash, _ := h.view.u64(a + h.off.weakref.hash)
		if hash == ^uint64(0) {
			return FateFree, ""
		}
		switch b, why := c.hash.of(a); b {
		case HashAddress:
			return FateRebuild, "a weakref that has kept its hash"
		case HashUnknown:
			return FateUnknown, why
		}
	case kindGeneric:
		switch name := h.nameOf(t); name {
		case "_contextvars.ContextVar", "contextvars.ContextVar", "builtins.ContextVar":
			return FateRebuild, "a ContextVar keeps a hash of its address"
		case "builtins.hamt_bitmap_node", "builtins.hamt_array_node", "builtins.hamt_collision_node":
			return FateRebuild, "a context is a tree by hashes of ContextVars"
		case "functools._lru_list_elem":
			if p, ok := h.memberAttr(a, t, "key"); ok {
				return c.keys([]Addr{Addr(p)}, "an entry of a functools.lru_cache")
			}
		}
	}
	if c.hash.isPython(t) {
		if b, why := c.hash.of(a); b == HashUnknown && strings.HasSuffix(why, keptHash) {
			return FateUnknown, why
		}
	}
	return FateFree, ""
}

// dict looks at the keys, unless they can only be strings.
func (c *classifier) dict(a uint64) (Fate, string) {
	h := c.w.h
	p, _ := h.view.u64(a + h.off.dict.keys)
	k, ok := h.keysTable(p)
	if !ok {
		return FateUnknown, "a dict that cannot be read"
	}
	if k.hash == absent || k.n == 0 {
		return FateFree, ""
	}
	if c.isSubclasses(&k) {
		return FateRebuild, "tp_subclasses, a dict with addresses for keys"
	}
	var keys []Addr
	h.work += 3 * k.n
	for i := range k.n {
		if key := le64(k.entries, i*k.stride+k.key); key != 0 {
			keys = append(keys, Addr(key))
		}
	}
	return c.keys(keys, "a dict")
}

// isSubclasses says whether a dict is the tp_subclasses of a type: its keys are the addresses of what its values,
// weakrefs, refer to.
func (c *classifier) isSubclasses(k *keysTable) bool {
	h := c.w.h
	var keys []uint64
	for i := range k.n {
		key, value := le64(k.entries, i*k.stride+k.key), le64(k.entries, i*k.stride+k.value)
		if key == 0 || value == 0 {
			continue
		}
		v, err := h.Int(Addr(key))
		if err != nil {
			return false
		}
		if t, err := h.typeOf(value); err != nil || t.kind != kindWeakref {
			return false
		}
		if p, _ := h.view.u64(value + h.off.weakref.object); p != uint64(v) && !c.hash.isNone(p) {
			return false
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		c.addressKeys[key] = true
	}
	return len(keys) > 0
}

// keys decides on a container by the hashes of its keys.
func (c *classifier) keys(keys []Addr, what string) (Fate, string) {
	fate, why, fixed := FateFree, "", false
	for _, key := range keys {
		switch b, unknown := c.hash.of(uint64(key)); b {
		case HashAddress:
			if fate == FateFree {
				t, _ := c.w.h.TypeName(key)
				fate, why = FateRebuild, what+" with keys hashed by address: "+t
			}
		case HashFixed:
			fixed = true
		case HashUnknown:
			return FateUnknown, what + " whose order cannot be known: " + unknown
		}
	}
	if fixed && fate == FateFree {
		c.m.FileOrdered++
	}
	return fate, why
}
