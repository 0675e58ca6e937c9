// Command walkbench walks a large heap from outside, next to the same census made by the interpreter itself, in turns
// within one run, and prints objects a second, their ratio, and the memory that the walk took.
//
//	walkbench -objects 10000000 -rounds 3     exit status 1 when a goal is missed
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

// The goals of a walk on one core.
const (
	wantPerSecond = 2e6
	wantBytes     = 100
)

func main() {
	python := flag.String("python", "/usr/bin/python3.11", "the `interpreter` to look into")
	script := flag.String("script", "testdata/python/heap.py", "the `script` that builds the heap")
	objects := flag.Int("objects", 10_000_000, "how many objects, about")
	rounds := flag.Int("rounds", 3, "how many times both are measured")
	flag.Parse()
	met, err := run(*python, *script, *objects, *rounds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "walkbench:", err)
		os.Exit(1)
	}
	if !met {
		os.Exit(1)
	}
}

func run(python, script string, objects, rounds int) (met bool, err error) {
	runtime.GOMAXPROCS(1) // objects a second and core
	fmt.Printf("building a heap of %d objects ...\n", objects)
	t, err := startTarget(python, script, objects)
	if err != nil {
		return false, err
	}
	defer t.end()
	var ours, theirs, bytes []float64
	var n int
	var copied uint64
	for range rounds {
		w, err := measureWalk(t.pid())
		if err != nil {
			return false, err
		}
		c, err := t.census()
		if err != nil {
			return false, err
		}
		ours = append(ours, float64(w.objects)/w.took.Seconds())
		theirs = append(theirs, float64(c.objects)/c.took.Seconds())
		bytes = append(bytes, float64(w.memory)/float64(w.objects))
		n, copied = w.objects, w.copied
		fmt.Printf("walk: %d objects in %v, with sizes %v; the interpreter's own: %d in %v\n", w.objects,
			w.took.Round(time.Millisecond), w.sized.Round(time.Millisecond), c.objects, c.took.Round(time.Millisecond))
	}
	us, them, mem := median(ours), median(theirs), median(bytes)
	fmt.Printf("\n%-44s %12s\n", "median of "+fmt.Sprint(rounds), "")
	fmt.Printf("%-44s %12.2f   goal %.0f\n", "walk, million objects a second on one core", us/1e6, wantPerSecond/1e6)
	fmt.Printf("%-44s %12.2f\n", "gc.get_objects + getsizeof + get_referents", them/1e6)
	fmt.Printf("%-44s %12.1f\n", "ratio", us/them)
	fmt.Printf("%-44s %12.1f   goal %d\n", "memory of the walk, bytes an object", mem, wantBytes)
	fmt.Printf("%-44s %12.1f\n", "the copy of the target's memory, the same", float64(copied)/float64(n))
	return us >= wantPerSecond && mem <= wantBytes, nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
