package main

import (
	"bytes"
	bin "encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore"
)

// TestInspectWord asks what words are: of a type, of a str, of a GC head, of a static variable, and past the end of memory.
func TestInspectWord(t *testing.T) {
	x := startInspected(t, python)
	node := x.facts.Addresses["node"]
	word := func(addr string, count int) []wordJSON {
		var out []wordJSON
		o := pyfreeze(t, "inspect", "word", strconv.Itoa(x.pid()), addr, "--count", strconv.Itoa(count), "--json").must(t, "exit 0")
		if err := json.Unmarshal([]byte(o.Stdout), &out); err != nil || len(out) != count {
			t.Fatalf("%v in %s", err, o.Stdout)
		}
		return out
	}
	head := word(node, 2)
	if head[0].Kind != "data" || !strings.HasPrefix(head[0].In, "__main__.Node sys.modules['__main__'].node") || head[0].To != "" {
		t.Errorf("ob_refcnt: %+v", head[0])
	}
	if head[1].Kind != "pointer" || head[1].How != "object" || !strings.HasPrefix(head[1].In, "__main__.Node+0x8 ") || head[1].To != "builtins.type sys.modules['__main__'].Node" {
		t.Errorf("ob_type: %+v", head[1])
	}
	at, err := strconv.ParseUint(node, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	if gc := word(fmt.Sprintf("%#x", at-16), 1)[0]; !strings.HasPrefix(gc.In, "the GC head of __main__.Node") {
		t.Errorf("before an object: %+v", gc)
	}
	text, err := strconv.ParseUint(x.facts.Addresses["long_text"], 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	if w := word(fmt.Sprintf("%#x", text+512), 1)[0]; w.Kind != "data" || w.Value != "0x7878787878787878" {
		t.Errorf("inside a str: %+v", w)
	}
	if o := pyfreeze(t, "inspect", "word", strconv.Itoa(x.pid()), node).must(t, "exit 0"); !strings.Contains(o.Stdout, "data (object)") {
		t.Errorf("as text: %q", o.Stdout)
	}
	pyfreeze(t, "inspect", "word", strconv.Itoa(x.pid()), "0x10").must(t, "exit 1")
	for _, bad := range []string{"0x11", "x", ""} {
		pyfreeze(t, "inspect", "word", strconv.Itoa(x.pid()), bad).must(t, "exit 2")
	}
}

// TestNoOldPlaces thaws a program whose libraries all lie elsewhere, and looks at its memory: no word points to where one
// was, but those that are known to be no pointers.
func TestNoOldPlaces(t *testing.T) {
	dir := tempDir(t)
	tg, err := startProgram(program("shuffled.py"), "freeze", targetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "i")
	attach(t, tg.pid(), image).must(t, "exit 0")
	if err := tg.finish(); err != nil {
		t.Error(err)
	}
	var m restore.Meta
	if err := json.Unmarshal([]byte(pyfreeze(t, "info", "--json", image).must(t, "exit 0").Stdout), &m); err != nil {
		t.Fatal(err)
	}
	s := &subject{target: image}
	defer s.close()
	if s, err = openSubject(t.Context(), image, 0, newProgress(false)); err != nil {
		t.Fatal(err)
	}
	w, err := s.walk(newProgress(false))
	if err != nil {
		t.Fatal(err)
	}
	free := map[procmem.Addr]bool{}
	var links []procmem.Addr // of free blocks: also to libc's bins, of which copies are left in live ones
	s.heap.EachDead(func(d pyheap.Dead) {
		for a := d.Start; a < d.End; a += 8 {
			free[a] = true
		}
		for a := d.Start; a < d.Start+procmem.Addr(d.Links); a += 8 {
			if v, err := s.space.Ptr(a); err == nil {
				links = append(links, v)
			}
		}
	})

	cmd := startThaw(t, "run", "--shuffle-libraries", image, "thaw")
	live, err := procmem.OpenLive(cmd.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	maps, err := procmem.ReadMaps(cmd.pid)
	if err != nil {
		t.Fatal(err)
	}
	old := oldPlaces(t, &m, maps)
	bins := map[string]procmem.Range{} // of the library that has them: libc
	for path, r := range old {
		for _, v := range links {
			if r.Contains(v) {
				b, ok := bins[path]
				if !ok {
					b = procmem.Range{Start: v, End: v + 1}
				}
				bins[path] = procmem.Range{Start: min(b.Start, v), End: max(b.End, v+1)}
			}
		}
	}
	if len(bins) != 1 {
		t.Fatalf("malloc's bins are in %v", bins)
	}
	ends := map[procmem.Addr]bool{}
	for _, seg := range s.space.Segments() {
		ends[seg.End] = true
	}
	words, data, dead, strs, guessed := 0, 0, 0, 0, 0
	for _, seg := range s.space.Segments() {
		if !seg.Write || seg.Path == "[stack]" || strings.HasPrefix(filepath.Base(seg.Path), "libc") || strings.HasPrefix(filepath.Base(seg.Path), "ld-linux") ||
			strings.HasPrefix(filepath.Base(seg.Path), "libm") {
			continue // fresh ones lie elsewhere
		}
		now := make([]byte, len(seg.Data))
		if _, err := live.ReadAt(now, seg.Start); err != nil {
			t.Logf("%v %s is not there any more: %v", seg.Range, seg.Path, err)
			continue
		}
		for off := 0; off+8 <= len(now); off += 8 {
			v, at := procmem.Addr(bin.LittleEndian.Uint64(now[off:])), seg.Start+procmem.Addr(off)
			words++
			for path, r := range old {
				switch {
				case !r.Contains(v):
				case free[at] || bins[path].Contains(v):
					dead++
				case w.IsData(at) || w.Word(at).Kind == pyheap.WordData:
					data++
				case endsString(now, off, bins[path]):
					strs++
				case v == r.Start && ends[v]: // of an arena, say
					data++
				case !bytes.Equal(now[off:off+8], seg.Data[off:off+8]):
					t.Errorf("%v, in %v, was made to point into the old place of %s", at, w.At(at), path)
				default:
					guessed++
					t.Errorf("%v, in %v, points to %v in the old place of %s: %+v", at, w.At(at), v, path, w.Word(at))
				}
			}
		}
	}
	t.Logf("%d words, %d libraries have moved; %d words that are data, %d in free blocks and %d ends of strings look like pointers into their old places",
		words, len(old), data, dead, strs)
	if len(old) < 3 || words < 1<<18 || data < 100 {
		t.Error("that is no test")
	}
}

// endsString says whether the word at off is the end of a C string, with what remains of a link to malloc's bins behind it: text is before it, or it is all
// of the string and its upper bytes are those of a link.
func endsString(b []byte, off int, bins procmem.Range) bool {
	text := func(b []byte) bool {
		return !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r > '~' })
	}
	n := bytes.IndexByte(b[off:off+8], 0)
	if n < 1 || !text(b[off:off+n]) || off < 8 {
		return false
	}
	shift := 8 * (n + 1)
	v := bin.LittleEndian.Uint64(b[off:])
	return text(b[off-8:off]) || v>>shift >= uint64(bins.Start)>>shift && v>>shift <= uint64(bins.End-1)>>shift
}

// oldPlaces gives where libraries that have moved lay in the frozen process and do not lie now.
func oldPlaces(t *testing.T, m *restore.Meta, maps []procmem.Mapping) map[string]procmem.Range {
	t.Helper()
	out := map[string]procmem.Range{}
	for _, l := range m.Libraries {
		var now procmem.Range
		for _, mp := range maps {
			if mp.Path == l.Path {
				if now.Start == 0 {
					now.Start = mp.Start
				}
				now.End = mp.End
			}
		}
		if l.Fixed || now.Start == 0 || uint64(now.Start) == l.Base {
			continue
		}
		out[l.Path] = procmem.Range{Start: procmem.Addr(l.Base), End: procmem.Addr(l.Base) + now.End - now.Start}
	}
	return out
}

// thawed is a thawed process that waits.
type thawed struct{ pid int }

// startThaw runs pyfreeze, which becomes a program that says "ready" and waits for its standard input to end.
func startThaw(t *testing.T, args ...string) thawed {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...)
	cmd.Stdin = r
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	t.Cleanup(func() { _ = w.Close(); _ = cmd.Wait() })
	var ready [6]byte
	if _, err := out.Read(ready[:]); err != nil || string(ready[:]) != "ready\n" {
		t.Fatalf("the thaw said %q, %v", ready, err)
	}
	return thawed{cmd.Process.Pid}
}
