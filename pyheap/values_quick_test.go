package pyheap

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/quick"
)

// anyKey is a key that testing/quick makes up: an int, a str or a bytes, with what is hard to
// quote.
type anyKey struct {
	Kind string // int, str, bytes
	Text []rune // characters; bytes
	Int  string
}

func madeKeys(seed uint64, n int) (out []anyKey) {
	rng := rand.New(rand.NewPCG(seed, 7))
	hard := []rune(`'"\[]().,->< 0x` + "\x00\n\r\t\x1b\x7f\x80\xa0\xad\xff\u0100\u2028\ufeff\uffff\U0001f40d\U0010ffff\U000e0001")
	for i := range n {
		k := anyKey{Kind: []string{"int", "str", "bytes", "str"}[i%4]}
		for range rng.IntN(9) {
			c := hard[rng.IntN(len(hard))]
			switch rng.IntN(4) {
			case 0:
				c = rune('a' + rng.IntN(26))
			case 1:
				c = rune(rng.IntN(0xd800))
			}
			if k.Kind == "bytes" {
				c &= 0xff
			}
			k.Text = append(k.Text, c)
		}
		b := new(big.Int)
		for range 1 + rng.IntN(12) {
			b.Lsh(b, uint(rng.IntN(64))).Add(b, new(big.Int).SetUint64(rng.Uint64()))
		}
		b.Rsh(b, uint(rng.IntN(70)))
		if rng.IntN(2) == 0 {
			b.Neg(b)
		}
		k.Int = b.String()
		out = append(out, k)
	}
	return out
}

const keysScript = `
with open(sys.argv[1], encoding="utf-8") as f:
    keys = json.load(f)
d, values = {}, []
class Holds: pass
holder = Holds()
for k in keys:
    text = "".join(map(chr, k["Text"] or ()))
    v = int(k["Int"]) if k["Kind"] == "int" else text if k["Kind"] == "str" else text.encode("latin-1")
    values.append(v)
    d[v] = [v]
    if type(v) is str: holder.__dict__[v] = [v]
def form(v):
    return v if type(v) is int else [ord(c) for c in v] if type(v) is str else list(v)
tell(lambda: [[id(v), id(d[v]), id(d[v][0]), repr(v).encode("ascii", "backslashreplace").decode(), id(holder.__dict__[v]) if type(v) is str else 0, sys.getsizeof(v)] for v in values])
`

// TestKeysRoundTrip: what keys are is read, and a path that quotes one leads to what it stands
// for.
func TestKeysRoundTrip(t *testing.T) {
	keys := madeKeys(1, 1200)
	text, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	eachPython(t, func(t *testing.T, python string) {
		var want [][6]any
		tg := toldBy(t, python, keysScript, &want, file)
		h := tg.heap
		for i, k := range keys {
			checkKey(t, h, &k, want[i])
		}
	})
}

func checkKey(t *testing.T, h *Heap, k *anyKey, want [6]any) {
	t.Helper()
	a, held, first, attr := Addr(want[0].(float64)), Addr(want[1].(float64)), Addr(want[2].(float64)), Addr(want[4].(float64))
	step := ""
	switch k.Kind {
	case "int":
		b, err := h.BigInt(a)
		if err != nil || b.String() != k.Int {
			t.Errorf("%s is read as %v: %v", k.Int, b, err)
		}
		step = k.Int
	case "str":
		s, err := h.Str(a)
		if err != nil || s != string(k.Text) {
			t.Errorf("%q is read as %q: %v", string(k.Text), s, err)
		}
		step = quote(string(k.Text))
		if v, err := h.Lookup("__main__.holder.__dict__[" + step + "]"); err != nil || v != attr {
			t.Errorf("attribute %s is at %v (%v), not %v", step, v, err, attr)
		}
	case "bytes":
		raw := make([]byte, len(k.Text))
		for i, c := range k.Text {
			raw[i] = byte(c)
		}
		b, err := h.Bytes(a)
		if err != nil || string(b) != string(raw) {
			t.Errorf("%q is read as %q: %v", raw, b, err)
		}
		step = "b" + QuoteBytes(raw)
	}
	path := "__main__.d[" + step + "]"
	if v, err := h.Lookup(path); err != nil || v != held {
		t.Errorf("%s leads to %v (%v), not %v", path, v, err, held)
	}
	if v, err := h.Lookup(path + "[0]"); err != nil || v != first {
		t.Errorf("%s[0] leads to %v (%v), not %v", path, v, err, first)
	}
	if got := ascii(h.Repr(a, -1)); got != want[3] {
		t.Errorf("the repr of %s is %s, Python says %s", path, got, want[3])
	}
	head, err := h.Header(a)
	if size := uint64(want[5].(float64)); err != nil || head.Size != size && head.Size+4 != size {
		t.Errorf("%s has %d bytes (%v), Python says %d", path, head.Size, err, size)
	}
}

// What quote writes, literal reads, whatever follows.
func TestQuoteRoundTrip(t *testing.T) {
	again := func(s, rest string) bool {
		s = string([]rune(s)) // what is no UTF-8 becomes U+FFFD
		got, after, ok := literal(quote(s)+"]"+rest, false)
		key, end, err := parseKey(quote(s) + "]" + rest)
		return ok && got == s && after == "]"+rest && err == nil && key == s && end == rest
	}
	bytesAgain := func(b []byte, rest string) bool {
		got, after, ok := literal(QuoteBytes(b)+"]"+rest, true)
		key, end, err := parseKey("b" + QuoteBytes(b) + "]" + rest)
		k, isBytes := key.([]byte)
		return ok && got == string(b) && after == "]"+rest && err == nil && isBytes && string(k) == string(b) && end == rest
	}
	ints := func(n int64, more uint8, rest string) bool {
		b := new(big.Int).Lsh(big.NewInt(n), uint(more))
		for _, format := range []string{"%d]", " %d ]", "%#x]", "%#o]", "%#b]"} {
			key, end, err := parseKey(fmt.Sprintf(format, b) + rest)
			switch key := key.(type) {
			case int64:
				if !b.IsInt64() || key != b.Int64() {
					return false
				}
			case *big.Int:
				if b.IsInt64() || key.Cmp(b) != 0 {
					return false
				}
			}
			if err != nil || end != rest {
				return false
			}
		}
		return true
	}
	for _, f := range []any{again, bytesAgain, ints} {
		if err := quick.Check(f, &quick.Config{MaxCount: 3000}); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"", "]", "'", "'x'", "b'x", "b]", "1", "1.5]", "x]", "0x]", "--1]", "'x' ]", "b'x'y]"} {
		if key, _, err := parseKey(text); err == nil {
			t.Errorf("%q is read as key %v", text, key)
		}
	}
}

const floatsScript = `
import struct
with open(sys.argv[1]) as f:
    floats = [struct.unpack("d", struct.pack("Q", n))[0] for n in json.load(f)]
z = [complex(a, b) for a, b in zip(floats, reversed(floats))]
tell(lambda: [[id(x), repr(x), id(y), repr(y)] for x, y in zip(floats, z)])
`

// Floats and complex numbers of all sizes are written as Python writes them.
func TestFloatsRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var bits []uint64
	for i := range 2000 {
		b := rng.Uint64()
		if i%2 == 0 {
			b = math.Float64bits(float64(rng.IntN(2e6)-1e6) * math.Pow(10, float64(rng.IntN(50)-25)))
		}
		bits = append(bits, b)
	}
	text, err := json.Marshal(bits)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "floats")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var want [][4]any
	h := toldBy(t, python311, floatsScript, &want, file).heap
	for i, w := range want {
		a := Addr(w[0].(float64))
		if v, err := h.Float(a); err != nil || math.Float64bits(v) != bits[i] && v == v {
			t.Errorf("%x is read as %v: %v", bits[i], v, err)
		}
		if got := h.Repr(a, -1); got != w[1] {
			t.Errorf("%s is written %s", w[1], got)
		}
		if got := h.Repr(Addr(w[2].(float64)), -1); got != w[3] {
			t.Errorf("%s is written %s", w[3], got)
		}
	}
}
