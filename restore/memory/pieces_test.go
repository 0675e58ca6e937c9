package memory

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"pyfreeze/procmem"
)

// TestNonZero makes memory of random pages: the runs have all that is not zero, begin and end with
// such pages, and have at most so many zero pages in a row as are joined.
func TestNonZero(t *testing.T) {
	const base = procmem.Addr(1 << 40)
	for n := range uint64(200) {
		r := rand.New(rand.NewPCG(n, 1))
		pages := make([]bool, r.IntN(120))
		b := make([]byte, len(pages)*page)
		density := r.IntN(30) + 1
		for i := range pages {
			if pages[i] = r.IntN(density) == 0; pages[i] {
				b[i*page+[]int{0, 7, page - 1}[r.IntN(3)]] = 1
			}
		}
		covered := make([]bool, len(pages))
		last := -joined - 2
		for _, run := range nonZero(nil, base, b) {
			from, to := int(run.Start-base)/page, int(run.End-base)/page
			if from >= to || !pages[from] || !pages[to-1] || from-last <= joined {
				t.Fatalf("seed %d: a run from page %d to %d, behind %d", n, from, to, last)
			}
			for i, zeros := from, 0; i < to; i++ {
				if covered[i], zeros = true, zeros+1; pages[i] {
					zeros = 0
				}
				if zeros > joined {
					t.Fatalf("seed %d: %d zero pages come along", n, zeros)
				}
			}
			last = to
		}
		for i := range pages {
			if pages[i] && !covered[i] {
				t.Fatalf("seed %d: page %d is left out", n, i)
			}
		}
	}
}

// TestRunsOfAllocators splits memory between allocators that are known and others: what they have
// is mapped, what they have not is read, to the byte.
func TestRunsOfAllocators(t *testing.T) {
	const base, pages = procmem.Addr(1 << 40), 64
	for n := range uint64(200) {
		r := rand.New(rand.NewPCG(n, 2))
		g := &gatherer{m: &Memory{}}
		owned := make([]bool, pages)
		for at := r.IntN(5); at < pages; {
			end := min(at+1+r.IntN(9), pages)
			g.known = append(g.known, procmem.Range{
				Start: base + procmem.Addr(at*page), End: base + procmem.Addr(end*page),
			})
			for ; at < end; at++ {
				owned[at] = true
			}
			at += r.IntN(6) // 0: the next follows at once
		}
		b := bytes.Repeat([]byte{1}, pages*page)
		mapping := procmem.Mapping{Range: procmem.Range{Start: base, End: base + pages*page}, Read: true,
			Write: true}
		covered := g.addRuns(&region{Mapping: mapping}, base, b, nil)
		at, sum := base, uint64(0)
		for _, p := range g.m.pieces {
			if p.Start != at || uint64(len(p.data)) != p.Len() {
				t.Fatalf("seed %d: a piece at %v of %d bytes, want %v", n, p.Range, len(p.data), at)
			}
			for a := p.Start; a < p.End; a += page {
				if i := int(a-base) / page; owned[i] != (p.how == mapped) {
					t.Fatalf("seed %d: page %d has an owner: %t, comes back as %d", n, i, owned[i], p.how)
				}
			}
			if at = p.End; p.how == mapped {
				sum += p.Len()
			}
		}
		if at != mapping.End || covered != sum {
			t.Errorf("seed %d: pieces up to %v, %d bytes mapped, said %d", n, at, sum, covered)
		}
	}
}

// TestBlocksOfMalloc keeps the first page of each block that malloc has mapped apart from the rest:
// so the kernel finds two mappings where a realloc would move one, which it could not grow.
func TestBlocksOfMalloc(t *testing.T) {
	const base = procmem.Addr(1 << 40)
	var b []byte
	var chunks []uint64
	for _, pages := range []int{1, 2, 5, 1} {
		chunk := bytes.Repeat([]byte{9}, pages*page)
		chunks = append(chunks, uint64(len(chunk)))
		b = append(b, chunk...)
	}
	g := &gatherer{m: &Memory{}}
	mapping := procmem.Mapping{Range: procmem.Range{Start: base, End: base + procmem.Addr(len(b))},
		Read: true}
	if covered := g.addRuns(&region{Mapping: mapping}, base, b, chunks); covered != 5*page {
		t.Errorf("%d bytes are mapped", covered)
	}
	var got []int
	for _, p := range g.m.pieces {
		got = append(got, int(p.Start-base)/page*10+int(p.how))
	}
	// Pages 0, 1, 3 and 8 are read, 2 and 4 to 7 mapped.
	want := []int{0*10 + int(read), 1*10 + int(read), 2 * 10, 3*10 + int(read), 4 * 10,
		8*10 + int(read)}
	if len(got) != len(want) {
		t.Fatalf("the pieces are %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("the pieces are %v, want %v", got, want)
		}
	}
}

// TestUnshareable sorts memory by whether a thaw can bring it back.
func TestUnshareable(t *testing.T) {
	rw := procmem.Mapping{Read: true, Write: true, Shared: true}
	with := func(m procmem.Mapping, change func(*procmem.Mapping)) procmem.Mapping {
		change(&m)
		return m
	}
	file := func(m *procmem.Mapping) { m.Path, m.Inode = "/usr/share/x", 7 }
	for _, c := range []struct {
		m    procmem.Mapping
		want string
	}{
		{rw, "shared writable memory"},
		{with(rw, file), "shared writable memory"},
		{with(rw, func(m *procmem.Mapping) { file(m); m.Write = false }), ""},
		{with(rw, func(m *procmem.Mapping) { file(m); m.Write, m.Deleted = false, true }),
			"shared memory"},
		{with(rw, func(m *procmem.Mapping) { m.Write = false }), "shared memory"},
		{with(rw, func(m *procmem.Mapping) { m.Shared = false }), ""},
		{with(rw, func(m *procmem.Mapping) { m.Shared, m.Path = false, "/dev/nvidia0" }),
			"memory of a device"},
		{with(rw, func(m *procmem.Mapping) { m.Shared, m.Path = false, "anon_inode:[perf_event]" }),
			"memory of a device"},
		{with(rw, func(m *procmem.Mapping) { m.Shared, m.Path = false, "/dev/zero" }), ""},
		{with(rw, func(m *procmem.Mapping) { file(m); m.Write, m.Path = false, "/dev/shm/x" }), ""},
	} {
		if got := unshareable(&c.m); got != c.want {
			t.Errorf("%+v: %q, want %q", c.m, got, c.want)
		}
	}
	vvar := procmem.Mapping{Path: "[vvar]", Shared: true, Read: true}
	if got := Unshareable([]procmem.Mapping{vvar, rw}, nil); len(got) != 1 || got[0].Path != "" {
		t.Errorf("the kernel's own pages are somebody's memory: %+v", got)
	}
}
