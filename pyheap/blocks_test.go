package pyheap

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// mallinfo is struct mallinfo2 of malloc.h.
type mallinfo struct {
	Arena, Hblks, Hblkhd, Fsmblks, Uordblks, Fordblks uint64
}

// TestBlocksAgree compares the blocks that are found with what the allocators of real interpreters count themselves.
func TestBlocksAgree(t *testing.T) {
	for _, python := range pythons(t) {
		tg := start(t, python, "../testdata/python/blocks.py")
		t.Run(tg.heap.in.Version.String(), func(t *testing.T) {
			text := strings.Join(tg.lines, "\n")
			tg.heap.poolsAgree(t, text)
			var m mallinfo
			for _, line := range tg.lines {
				if strings.HasPrefix(line, "{") {
					if err := json.Unmarshal([]byte(line), &m); err != nil {
						t.Fatal(err)
					}
				}
			}
			if m.Arena == 0 {
				t.Fatal("there is no mallinfo2 here")
			}
			tg.heap.chunksAgree(t, m)
		})
	}
}

var (
	classLine = regexp.MustCompile(`(?m)^ *\d+ +(\d+) +(\d+) +(\d+) +(\d+)$`)
	arenaLine = regexp.MustCompile(`(?m)^# arenas allocated current += +([0-9,]+)$`)
)

// poolsAgree compares with the text of sys._debugmallocstats, size class by size class. Python itself allocates a little between
// that and the freeze.
func (h *Heap) poolsAgree(t *testing.T, text string) {
	type class struct{ pools, used, avail uint64 }
	found := map[uint64]*class{}
	for i := range h.alloc.arenas {
		ar := &h.alloc.arenas[i]
		for j := range ar.pools {
			pl := h.alloc.pool(ar, uint64(j))
			if pl.size == 0 || pl.freeCount == pl.n {
				continue
			}
			c := found[pl.size]
			if c == nil {
				c = &class{}
				found[pl.size] = c
			}
			c.pools++
			c.used += pl.n - pl.freeCount
			c.avail += pl.freeCount
		}
	}
	lines := classLine.FindAllStringSubmatch(text, -1)
	if len(lines) < 20 {
		t.Fatalf("no table of size classes in %s", text)
	}
	blocks, off := uint64(0), uint64(0)
	for _, l := range lines {
		n := make([]uint64, 5)
		for i := 1; i < 5; i++ {
			n[i], _ = strconv.ParseUint(l[i], 10, 64) // digits
		}
		c := found[n[1]]
		if c == nil {
			t.Errorf("no pools of blocks of %d bytes, Python counts %d", n[1], n[2])
			continue
		}
		blocks += n[3]
		off += distance(c.used, n[3])
		if distance(c.used, n[3]) > 16 || distance(c.pools, n[2]) > 1 {
			t.Errorf("%d bytes: %+v, Python counts %d pools, %d in use, %d available", n[1], *c, n[2], n[3], n[4])
		}
		delete(found, n[1])
	}
	for size, c := range found {
		t.Errorf("Python has no blocks of %d bytes, found %+v", size, *c)
	}
	if m := arenaLine.FindStringSubmatch(text); m == nil || m[1] != strconv.Itoa(len(h.alloc.arenas)) {
		t.Errorf("%d arenas, Python counts %q", len(h.alloc.arenas), m)
	}
	t.Logf("%d blocks of pymalloc in use, %d off", blocks, off)
	if off > 50 {
		t.Errorf("%d of %d blocks are off", off, blocks)
	}
}

// chunksAgree compares with mallinfo2. What lies in a thread cache counts as in use there.
func (h *Heap) chunksAgree(t *testing.T, m mallinfo) {
	var free, fast, mapped, mappedBytes, live uint64
	h.view.findChunks()
	for i := range h.view.segs {
		s := &h.view.segs[i]
		if s.chunks == nil {
			continue
		}
		if _, taken := h.view.mallocBlock(s, s.top+16); taken {
			t.Errorf("the rest of the heap at %#x is taken for a block", s.top)
		}
		for at := s.firstChunk; at+16 <= s.end; {
			size := le64(s.data, at+8-s.start) &^ chunkFlags
			if size < minChunk {
				break
			}
			switch next := at + size; {
			case at == s.top:
				free += size
			case s.chunkBit(s.fast, at):
				free, fast = free+size, fast+size
			case s.cached(at):
			case next+16 <= s.end && le64(s.data, next+8-s.start)&chunkPrevInUse == 0:
				free += size
			default:
				live += size
			}
			if at == s.top {
				break
			}
			at += size
		}
	}
	h.eachLive(func(at, size uint64) {
		s := h.view.find(at)
		if _, _, _, inArena := h.alloc.block(at); !inArena && s != nil && le64(s.data, at-8-s.start)&chunkMmapped != 0 {
			mapped++
			mappedBytes += le64(s.data, at-8-s.start) &^ chunkFlags
		}
	})
	t.Logf("malloc: %d bytes live, %d free, %d in fastbins, %d blocks of %d bytes mapped; it counts %+v", live, free, fast, mapped, mappedBytes, m)
	if distance(free, m.Fordblks) > m.Arena/200 {
		t.Errorf("%d bytes are free, malloc counts %d", free, m.Fordblks)
	}
	if distance(fast, m.Fsmblks) > 512 {
		t.Errorf("%d bytes in fastbins, malloc counts %d", fast, m.Fsmblks)
	}
	if mapped != m.Hblks || mappedBytes != m.Hblkhd {
		t.Errorf("%d blocks of %d bytes are mapped, malloc counts %d of %d", mapped, mappedBytes, m.Hblks, m.Hblkhd)
	}
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// TestOtherAllocators walks interpreters that use malloc for everything, and those whose blocks have debug hooks' words around them.
func TestOtherAllocators(t *testing.T) {
	for _, python := range pythons(t) {
		for _, kind := range []string{"malloc", "debug", "malloc_debug"} {
			tg := start(t, "/usr/bin/env", "PYTHONMALLOC="+kind, python, testdata("census.py"))
			t.Run(tg.heap.in.Version.String()+"/"+kind, func(t *testing.T) {
				checkCensus(t, tg)
				if found, n := tg.walk(t).Problems(); n > 0 {
					t.Errorf("%d problems are found in a sound heap, first %+v", n, found[0])
				}
				checkDead(t, tg.heap, kind != "malloc")
			})
		}
	}
}

// checkDead: no dead memory lies in what the program has asked for; behind it there is some where blocks are marked by debug hooks, whose marks
// are none.
func checkDead(t *testing.T, h *Heap, hooks bool) {
	t.Helper()
	var dead []Dead
	h.EachDead(func(d Dead) { dead = append(dead, d) })
	slices.SortFunc(dead, func(a, b Dead) int { return cmp.Compare(a.Start, b.Start) })
	behind := 0
	h.eachLive(func(at, size uint64) {
		i := sort.Search(len(dead), func(i int) bool { return uint64(dead[i].End) > at })
		if i < len(dead) && uint64(dead[i].Start) < at+size {
			t.Errorf("a live block of %d bytes at %#x overlaps dead memory %v to %v", size, at, dead[i].Start, dead[i].End)
		}
		for ; hooks && i < len(dead) && uint64(dead[i].Start) < at+size+2*hookTail; i++ {
			if marks, ok := h.view.u64(uint64(dead[i].Start) - hookTail); ok && marks<<8 == hookForbidden<<8 {
				behind++
			}
		}
	})
	if hooks && behind < 1000 {
		t.Errorf("behind %d blocks lies dead memory, %d ranges in all", behind, len(dead))
	}
}
