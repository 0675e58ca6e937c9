package stub

import (
	"bytes"
	"reflect"
	"testing"
)

// TestLayouts compares the structures of Go with those of C.
func TestLayouts(t *testing.T) {
	names := map[string]any{"Stub": Layout{}, "Way": Way{}, "Op": Op{}, "File": File{}, "FD": FD{},
		"Thread": Thread{}, "Poke": Poke{}, "Change": Change{}, "Learn": Learn{}, "Head": Head{}}
	if len(names) != len(layouts) {
		t.Errorf("%d structures here, %d in abi.h", len(names), len(layouts))
	}
	for name, v := range names {
		typ, want := reflect.TypeOf(v), layouts[name]
		if uint64(typ.Size()) != want.size {
			t.Errorf("%s has %d bytes, in C %d", name, typ.Size(), want.size)
		}
		offsets := map[uint64]bool{}
		for _, off := range want.fields {
			offsets[off] = true
		}
		n := 0
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Name == "_" {
				continue
			}
			n++
			if !offsets[uint64(f.Offset)] {
				t.Errorf("%s.%s is at %d, where C has nothing", name, f.Name, f.Offset)
			}
		}
		if n != len(want.fields) {
			t.Errorf("%s has %d fields, in C %d", name, n, len(want.fields))
		}
	}
}

func TestBlob(t *testing.T) {
	l, err := ReadLayout(blob)
	if err != nil {
		t.Fatal(err)
	}
	if int(l.Used) != len(blob) || l.Text%4096 != 0 || l.End%4096 != 0 {
		t.Errorf("layout %+v of %d bytes", l, len(blob))
	}
}

func TestProgram(t *testing.T) {
	tables := &Tables{}
	h := Head{Base: 1 << 44, Exe: tables.Str("/usr/bin/python3")}
	h.Ops, h.NOps = Encode(tables, []Op{{Addr: 4096, Kind: OpAnon}}), 1
	note := h.Program(tables)
	got, rest, err := ReadProgram(note)
	if err != nil || got.Base != h.Base || !bytes.HasPrefix(rest[got.Exe:], []byte("/usr/bin/python3\x00")) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, note[:40], note[:len(note)-1], append(note, 0)} {
		if _, _, err := ReadProgram(bad); err == nil {
			t.Errorf("%d bytes of a program pass", len(bad))
		}
	}
}
