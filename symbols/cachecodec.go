package symbols

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sync"
)

// A cached layout is
//
//	magic, format version (4 bytes), CRC-32C of the payload (4 bytes), payload
//
// and the payload is, in unsigned varints unless said otherwise: key and source
// as string numbers; the strings (count, lengths, then all bytes in one block);
// then each array of the table (count, records). Signed type indexes are
// varints. It is rebuilt when anything is odd, so it needs no compatibility.
const (
	cacheMagic   = "pyfreeze layout\n"
	cacheVersion = 3
)

var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }) // takes 0.2 ms

var errCache = errors.New("damaged layout cache")

type encoder struct {
	out     []byte
	strs    []string
	strings map[string]uint64
}

func (e *encoder) u(v uint64) { e.out = binary.AppendUvarint(e.out, v) }
func (e *encoder) i(v int32)  { e.out = binary.AppendVarint(e.out, int64(v)) }

func (e *encoder) s(v string) {
	n, ok := e.strings[v]
	if !ok {
		n = uint64(len(e.strs))
		e.strings[v] = n
		e.strs = append(e.strs, v)
	}
	e.u(n)
}

func (e *encoder) b(v bool) {
	if v {
		e.u(1)
	} else {
		e.u(0)
	}
}

// encodeTable gives the bytes of a cache file; key names the build.
func encodeTable(t *table, key string) []byte {
	e := &encoder{strings: map[string]uint64{}}
	e.s(key)
	e.s(t.source)
	e.u(uint64(len(t.types)))
	for i := range t.types {
		r := &t.types[i]
		e.u(uint64(r.kind))
		e.s(r.name)
		e.s(r.where)
		e.u(r.size)
		e.u(r.count)
		e.i(r.elem)
		e.u(uint64(r.first))
		e.u(uint64(r.n))
		e.u(uint64(r.weight))
	}
	e.u(uint64(len(t.fields)))
	for i := range t.fields {
		r := &t.fields[i]
		e.s(r.name)
		e.u(r.off)
		e.u(r.size)
		e.u(uint64(r.bitOff))
		e.u(uint64(r.bitSize))
		e.i(r.typ)
	}
	e.u(uint64(len(t.syms)))
	for i := range t.syms {
		r := &t.syms[i]
		e.s(r.name)
		e.u(r.addr)
		e.u(r.size)
		e.u(uint64(r.typ))
		e.b(r.local)
	}
	e.u(uint64(len(t.vars)))
	for i := range t.vars {
		r := &t.vars[i]
		e.s(r.name)
		e.u(r.addr)
		e.i(r.typ)
	}
	e.u(uint64(len(t.funcs)))
	for i := range t.funcs {
		r := &t.funcs[i]
		e.s(r.name)
		e.u(r.addr)
		e.i(r.result)
		e.u(uint64(r.first))
		e.u(uint64(r.n))
		e.u(uint64(r.locals))
	}
	e.u(uint64(len(t.params)))
	for i := range t.params {
		e.s(t.params[i].name)
		e.i(t.params[i].typ)
	}

	records := e.out
	e.out = nil
	e.u(uint64(len(e.strs)))
	for _, s := range e.strs {
		e.u(uint64(len(s)))
	}
	for _, s := range e.strs {
		e.out = append(e.out, s...)
	}
	payload := append(e.out, records...)

	out := append([]byte(cacheMagic), 0, 0, 0, 0, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[len(cacheMagic):], cacheVersion)
	binary.LittleEndian.PutUint32(out[len(cacheMagic)+4:], crc32.Checksum(payload, castagnoli()))
	return append(out, payload...)
}

// decoder reads a payload; after the first error it gives zeros.
type decoder struct {
	in   []byte
	strs []string
	err  error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errCache, what)
	}
	d.in = nil
}

func (d *decoder) u() uint64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 {
		d.fail("number")
		return 0
	}
	d.in = d.in[n:]
	return v
}

// max reads a number that must not exceed limit.
func (d *decoder) max(limit uint64) uint64 {
	v := d.u()
	if v > limit {
		d.fail("value out of range")
		return 0
	}
	return v
}

// id reads a type index, or -1, for a table of n types.
func (d *decoder) id(n int) int32 {
	v, w := binary.Varint(d.in)
	if w <= 0 || v < -1 || v >= int64(n) {
		d.fail("type index")
		return voidType
	}
	d.in = d.in[w:]
	return int32(v)
}

func (d *decoder) s() string {
	n := d.u()
	if n >= uint64(len(d.strs)) {
		d.fail("string number")
		return ""
	}
	return d.strs[n]
}

// count reads the length of an array whose records take at least size bytes.
func (d *decoder) count(size int) int { return int(d.max(uint64(len(d.in) / size))) }

// span reads first and n of a range inside an array of that length. The arrays
// that ranges point into come later, so it is checked by the caller at the end.
func (d *decoder) span() (first, n int32) {
	f, c := d.max(math.MaxInt32/2), d.max(math.MaxInt32/2)
	return int32(f), int32(c)
}
