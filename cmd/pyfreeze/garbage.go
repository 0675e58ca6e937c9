package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// collectRarely has garbage collected rarely as long as little lives: most of what a freeze makes
// it needs to its end, and a tenth of its time went into looking for what it does not.
func collectRarely() {
	const rarely, usually, little = 400, 100, 64 << 20
	debug.SetGCPercent(rarely)
	type canary struct{ live *[16]byte }
	var look func(*canary)
	look = func(c *canary) { // after each collection
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if live[0].Value.Kind() == metrics.KindUint64 && live[0].Value.Uint64() > little {
			debug.SetGCPercent(usually)
			return
		}
		runtime.SetFinalizer(c, look)
	}
	runtime.SetFinalizer(&canary{new([16]byte)}, look)
}
