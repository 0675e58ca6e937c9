package symbols

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// decodeTable reads what encodeTable wrote. It accepts only the file of that
// key, format version and checksum, and every index in the result is valid.
func decodeTable(b []byte, key string) (*table, error) {
	d := &decoder{}
	const head = len(cacheMagic) + 8
	if len(b) < head || string(b[:len(cacheMagic)]) != cacheMagic {
		d.fail("not a layout")
		return nil, d.err
	}
	version := binary.LittleEndian.Uint32(b[len(cacheMagic):])
	sum := binary.LittleEndian.Uint32(b[len(cacheMagic)+4:])
	if version != cacheVersion || crc32.Checksum(b[head:], castagnoli()) != sum {
		d.fail("version or checksum")
		return nil, d.err
	}
	return decodePayload(b[head:], key)
}

func decodePayload(b []byte, key string) (*table, error) {
	d := &decoder{in: b}
	d.readStrings()
	if got := d.s(); d.err == nil && got != key {
		d.fail("belongs to another file")
	}
	t := &table{source: d.s()}
	t.types = make([]typeRec, d.count(9))
	nt := len(t.types)
	for i := range t.types {
		r := &t.types[i]
		r.kind = Kind(d.max(uint64(kindMax) - 1))
		r.name, r.where = d.s(), d.s()
		r.size, r.count = d.u(), d.u()
		r.elem = d.id(nt)
		r.first, r.n = d.span()
		r.weight = int32(d.max(math.MaxInt32))
	}
	t.fields = make([]fieldRec, d.count(6))
	for i := range t.fields {
		r := &t.fields[i]
		r.name, r.off, r.size = d.s(), d.u(), d.u()
		r.bitOff, r.bitSize = uint8(d.max(127)), uint8(d.max(64))
		r.typ = d.id(nt)
	}
	t.syms = make([]symRec, d.count(5))
	for i := range t.syms {
		r := &t.syms[i]
		r.name, r.addr, r.size = d.s(), d.u(), d.u()
		r.typ, r.local = uint8(d.max(15)), d.max(1) == 1
	}
	t.vars = make([]varRec, d.count(3))
	for i := range t.vars {
		r := &t.vars[i]
		r.name, r.addr = d.s(), d.u()
		r.typ = d.id(nt)
	}
	t.funcs = make([]funcRec, d.count(6))
	for i := range t.funcs {
		r := &t.funcs[i]
		r.name, r.addr = d.s(), d.u()
		r.result = d.id(nt)
		r.first, r.n = d.span()
		r.locals = int32(d.max(maxDeclared))
	}
	t.params = make([]paramRec, d.count(2))
	for i := range t.params {
		t.params[i].name = d.s()
		t.params[i].typ = d.id(nt)
	}
	d.finish(t)
	if d.err != nil {
		return nil, d.err
	}
	return t, nil
}

// finish checks what could not be checked while reading.
func (d *decoder) finish(t *table) {
	if len(d.in) != 0 || len(t.types) == 0 {
		d.fail("length")
	}
	for i := range t.types {
		if r := &t.types[i]; int(r.first)+int(r.n) > len(t.fields) {
			d.fail("field range")
		}
	}
	for i := range t.funcs {
		if r := &t.funcs[i]; int(r.first)+int(r.n)+int(r.locals) > len(t.params) {
			d.fail("parameter range")
		}
	}
	for i := 1; i < len(t.syms); i++ {
		if t.syms[i-1].name > t.syms[i].name {
			d.fail("symbol order")
			return
		}
	}
}

// readStrings makes all strings share one copy of their bytes.
func (d *decoder) readStrings() {
	n := d.count(1)
	lens := make([]uint64, n)
	var total uint64
	for i := range lens {
		lens[i] = d.max(uint64(len(d.in)))
		total += lens[i]
	}
	if total > uint64(len(d.in)) {
		d.fail("strings")
		return
	}
	all := string(d.in[:total])
	d.in = d.in[total:]
	d.strs = make([]string, n)
	for i, l := range lens {
		d.strs[i], all = all[:l], all[l:]
	}
}
