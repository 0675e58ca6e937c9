package pyheap

import (
	"strings"
	"testing"
)

// placesScript tells, by ctypes and what objects say themselves, where the blocks lie that
// objects own.
const placesScript = `
import array, ctypes, mmap
class Plain: pass
numbers = list(range(1000, 3000))
grown = bytearray(b"x" * 3000)
values = array.array("q", range(500))
table = {i * 3: str(i) for i in range(1000)}
members = {i * 5 for i in range(1000)}
text = "é" * 3000
raw = bytes(5000)
attributes = Plain(); attributes.one = 1; attributes.two = 2
word = lambda at: ctypes.c_uint64.from_address(at).value
head = 16
def ask():
    at = {"numbers": (word(id(numbers) + 24), 8 * len(numbers)), "values": (values.buffer_info()[0], 8 * 500),
        "grown": (ctypes.addressof((ctypes.c_char * 1).from_buffer(grown)), 3000), "text": (id(text), sys.getsizeof(text) - 8),
        "raw": (id(raw), sys.getsizeof(raw) - 8), "table": (word(id(table) + 32), 8 * 1000), "tell": (id(tell), tell.__class__.__basicsize__)}
    # words of these that are pointers, and some that are none
    pointers = {"numbers": [word(id(numbers) + 24) + 8 * i for i in range(0, 2000, 100)] + [id(numbers) + 24, id(numbers) + 8],
        "table": [id(table) + 32, id(table) + 8], "tell": [id(tell) + 8], "attributes": [id(attributes) + 8], "members": [id(members) + 8]}
    data = {"numbers": [id(numbers), id(numbers) + 16], "grown": [at["grown"][0] // 8 * 8 + 8 * i for i in range(1, 300, 10)],
        "values": [at["values"][0] + 8 * i for i in range(0, 500, 50)], "text": [id(text) + 80 + 8 * i for i in range(0, 300, 10)],
        "raw": [id(raw) + 32 + 8 * i for i in range(0, 300, 10)], "table": [id(table)], "members": [id(members)]}
    return {"ids": {n: id(globals()[n]) for n in set(at) | set(pointers) | set(data)}, "blocks": at, "pointers": pointers, "data": data}
tell(ask)
`

// TestPlaces: any address in what an object owns is told to be that object's, and words of it are
// pointers or data as they are.
func TestPlaces(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		var want struct {
			IDs            map[string]Addr
			Blocks         map[string][2]Addr
			Pointers, Data map[string][]Addr
		}
		tg := toldBy(t, python, placesScript, &want)
		w := tg.walk(t)
		for name, b := range want.Blocks {
			id := want.IDs[name]
			if name == "grown" && tg.heap.atLeast(15) {
				continue // the storage of a bytearray is an object of its own
			}
			for off := Addr(0); off < b[1]; off += 13 {
				p := w.At(b[0] + off)
				o, ok := w.Containing(b[0] + off)
				if p.Object != id || !ok || o.Addr != id {
					t.Errorf("byte %d of what %s owns is of %v, %v (%t), not %v", off, name, p.Object, o.Addr, ok, id)
					break
				}
				if !strings.HasSuffix(p.Path, "."+name) || !strings.Contains(p.String(), p.Path) || p.What == "" {
					t.Errorf("byte %d of what %s owns is told as %s", off, name, p)
					break
				}
			}
		}
		for name, words := range want.Pointers {
			for _, a := range words {
				if info := w.Word(a); info.Kind != WordPointer || w.IsData(a) {
					t.Errorf("the pointer of %s at %v is told as %+v", name, a, info)
				}
			}
		}
		for name, words := range want.Data {
			for _, a := range words {
				if info := w.Word(a); info.Kind != WordData || !w.IsData(a) {
					t.Errorf("the data of %s at %v are told as %+v", name, a, info)
				}
			}
		}
	})
}

// TestPlacesOfNoObject: freed memory, functions and variables of the interpreter, and nothing.
func TestPlacesOfNoObject(t *testing.T) {
	var want struct{ Freed, Function, Variable, Libc Addr }
	tg := toldBy(t, python311, `
import ctypes
address = lambda name: ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
kept = [bytes(300 + i % 2) for i in range(40)]
freed = id(kept[20])
del kept[20]
tell(lambda: {"freed": freed, "function": address("PyList_New"), "variable": ctypes.addressof(ctypes.c_int.in_dll(ctypes.pythonapi, "Py_VerboseFlag")),
    "libc": ctypes.cast(ctypes.CDLL(None).qsort, ctypes.c_void_p).value})
`, &want)
	w := tg.walk(t)
	for a, text := range map[Addr]string{want.Freed + 64: "freed memory", want.Function: "PyList_New", want.Variable: "Py_VerboseFlag",
		want.Libc: "qsort", 0x1000: "not in known memory", want.Function + 5: "PyList_New+0x5"} {
		if p := w.At(a); !strings.Contains(p.What, text) || p.Object != 0 || p.Path != "" || p.String() == "" {
			t.Errorf("%v is told as %q of %v, want %q", a, p.What, p.Object, text)
		}
	}
	if info := w.Word(want.Variable &^ 7); info.Kind == WordPointer {
		t.Errorf("an int of the interpreter is told as %+v", info)
	}
	if info := w.Word(0x1000); info != (WordInfo{}) {
		t.Errorf("nothing is told as %+v", info)
	}
}
