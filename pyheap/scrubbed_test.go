package pyheap

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"pyfreeze/procmem"
)

// graphOf starts testdata/graph.py, and returns what Python says of the objects.
func graphOf(t *testing.T, python string, seed, n int) (*target, []told) {
	t.Helper()
	return graphOfCommand(t, seed, n, python)
}

// graphOfCommand is graphOf of an interpreter that a command starts.
func graphOfCommand(t *testing.T, seed, n int, command ...string) (*target, []told) {
	t.Helper()
	args := append(command[1:], testdata("graph.py"), strconv.Itoa(seed), strconv.Itoa(n))
	tg := start(t, command[0], args...)
	var all []told
	for _, line := range tg.lines[1:] {
		var o told
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return tg, all
}

// overwritten gives a copy of a space in which ranges have another content.
func overwritten(t *testing.T, sp *procmem.Space, ranges []procmem.Range) *procmem.Space {
	t.Helper()
	segs := append([]procmem.Segment(nil), sp.Segments()...)
	for i := range segs {
		segs[i].Data = append([]byte(nil), segs[i].Data...)
	}
	for _, r := range ranges {
		for i := range segs {
			s := &segs[i]
			end := s.Start + procmem.Addr(len(s.Data))
			if r.Start < s.Start || r.Start >= end {
				continue
			}
			b := s.Data[r.Start-s.Start : min(r.End, end)-s.Start]
			for j := range b {
				b[j] = 0xa5
			}
		}
	}
	out, err := procmem.NewSpace(segs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNobodyReadsWhatIsScrubbed: with all dead memory and slack overwritten, as a freeze clears it,
// every object is what it was.
func TestNobodyReadsWhatIsScrubbed(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg, all := graphOf(t, python, 2, 500)
			scrub(t, tg, all)
		})
	}
}

// TestNobodyReadsWhatIsScrubbedByOthers is the same where other allocators are at work.
func TestNobodyReadsWhatIsScrubbedByOthers(t *testing.T) {
	for _, python := range pythons(t) {
		for _, kind := range []string{"malloc", "debug", "malloc_debug"} {
			t.Run(strings.ReplaceAll(python, "/", "_")+"/"+kind, func(t *testing.T) {
				tg, all := graphOfCommand(t, 6, 300, "/usr/bin/env", "PYTHONMALLOC="+kind, python)
				scrub(t, tg, all)
			})
		}
	}
}

// scrub overwrites what is dead in a copy of a target's memory, and reads all that Python has told.
func scrub(t *testing.T, tg *target, all []told) {
	t.Helper()
	var ranges []procmem.Range
	bytes := [2]uint64{}
	tg.heap.EachDead(func(d Dead) {
		start := d.Start + Addr(d.Links)
		if start < d.End {
			ranges = append(ranges, procmem.Range{Start: start, End: d.End})
			bytes[0] += uint64(d.End - start)
		}
	})
	tg.walk(t).EachSlack(func(start, end Addr) {
		if end < start {
			t.Errorf("slack from %v to %v", start, end)
			return
		}
		ranges = append(ranges, procmem.Range{Start: start, End: end})
		bytes[1] += uint64(end - start)
	})
	if bytes[0] < 1<<16 || bytes[1] < 1<<14 {
		t.Errorf("%d bytes are dead, %d slack", bytes[0], bytes[1])
	}
	h, err := Open(overwritten(t, tg.heap.sp, ranges), tg.heap.in, tg.heap.lay)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	w, err := h.Walk(WalkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := tg.walk(t)
	before.Each(func(o Object) { // what only a word of rubbish led to may be gone
		if _, ok := w.Find(o.Addr); !ok && o.Reach == ReachRoots {
			t.Errorf("the %s at %v is gone: %s", o.TypeName, o.Addr, before.Path(o.Addr))
		}
	})
	if n, was := w.Objects(), before.Objects(); n > was || n < was-20 {
		t.Errorf("%d objects, before that %d", n, was)
	}
	c := checkEach(h, w, all)
	for _, e := range c.examples {
		t.Error(e)
	}
	found, _ := w.Problems()
	for _, q := range found {
		o, ok := before.Find(q.Addr)
		if !ok || o.Reach != ReachRoots && o.Reach != ReachFrames {
			continue // rubbish led to it, and it may have been dead
		}
		was, had := before.Find(q.Target)
		t.Errorf("%+v: it was %+v (%t), at %s; the other %+v (%t)", q, o, ok, before.Path(q.Addr), was, had)
	}
}

// TestReferencesAreNoData: no word that refers to an object is taken for data, which a freeze may
// leave as it is; and what a word lies in is told.
func TestReferencesAreNoData(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg, all := graphOf(t, python, 4, 400)
			w, h := tg.walk(t), tg.heap
			refs := map[[2]uint64]bool{} // from, to
			of, types := map[uint64]bool{}, map[uint64]string{}
			for i := range all {
				o := &all[i]
				types[o.ID] = o.Type
				for _, to := range o.Refs {
					refs[[2]uint64{o.ID, to}] = true
					of[to] = true
				}
				isType := strings.HasPrefix(o.Type, "builtins.type") || o.Type == "__main__.Meta"
				if h.IsType(Addr(o.ID)) != isType {
					t.Errorf("%s at %#x is a type: %t", o.Type, o.ID, !isType)
				}
				if at := w.At(Addr(o.ID + 8)); at.Object != Addr(o.ID) || at.Offset != 8 || at.What != o.Type {
					t.Errorf("%s: the second word lies in %+v", o.Type, at)
				}
				if about := h.About(Addr(o.ID)); about == "" || strings.HasPrefix(about, "heap") {
					t.Errorf("about a %s is told: %s", o.Type, about)
				}
			}
			owners := map[uint64]uint64{} // of a __dict__
			for i := range all {
				owners[uint64(h.Dict(Addr(all[i].ID)))] = all[i].ID
			}
			seen := map[[2]uint64]bool{}
			for i := range h.view.segs {
				s := &h.view.segs[i]
				if !s.write {
					continue
				}
				for at := s.start; at+8 <= s.end; at += 8 {
					to := le64(s.data, at-s.start)
					if !of[to] {
						to = h.untag(to) // a local variable
					}
					if !of[to] {
						continue
					}
					o, ok := w.Containing(Addr(at))
					pair := [2]uint64{uint64(o.Addr), to}
					// The inline values of an object may be those of its __dict__, too (gh-115776).
					if owner := owners[pair[0]]; !refs[pair] && h.atLeast(13) && refs[[2]uint64{owner, to}] {
						pair[0] = owner
					}
					if !ok || !refs[pair] || w.IsData(Addr(at)) {
						continue
					}
					seen[pair] = true
					if info := w.Word(Addr(at)); info.Kind == WordData {
						t.Errorf("the word at %#x, in a %s, is %+v", at, o.TypeName, info)
					}
				}
			}
			for pair := range refs {
				if !seen[pair] && edgeLess[types[pair[0]]] == "" {
					t.Errorf("no word of the %s at %#x refers to %#x", types[pair[0]], pair[0], pair[1])
				}
			}
			if len(seen) < 500 {
				t.Errorf("%d references", len(seen))
			}
		})
	}
}
